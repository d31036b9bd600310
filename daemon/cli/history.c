#include "cli/history.h"

#include <stdlib.h>

#include "cli/container.h"

struct jd_history {
    struct jd_lines *lines;
    struct jd_container *container; /* NULL: lines of text */
};

struct jd_history *jd_history_open(const char *path, struct jd_error *err)
{
    struct jd_history *history = calloc(1, sizeof(*history));
    if (history == NULL) {
        jd_error_set(err, JD_EXIT_INTERNAL, "%s: out of memory", path);
        return NULL;
    }
    history->lines = jd_lines_open(path, JD_RECORD_BYTES_DEFAULT, err);
    bool ok = history->lines != NULL;
    if (ok && jd_container_is(history->lines)) {
        history->container = jd_container_open(history->lines, err);
        ok = history->container != NULL;
    }
    if (!ok) {
        jd_history_close(history);
        return NULL;
    }
    return history;
}

void jd_history_close(struct jd_history *history)
{
    if (history != NULL) {
        jd_container_close(history->container);
        jd_lines_close(history->lines);
        free(history);
    }
}

enum jd_line_kind jd_history_next(struct jd_history *history, struct jd_str *record, struct jd_error *err)
{
    return history->container != NULL ? jd_container_next(history->container, record, err)
                                      : jd_lines_next(history->lines, record, err);
}

enum jd_wire_result jd_history_decode(const struct jd_history *history, struct jd_wire *wire,
                                      struct jd_str record, struct jd_arena *arena, struct jd_decoded *out)
{
    const struct jd_container *container = history->container;
    if (container != NULL && jd_container_number(container) == 1) {
        jd_wire_forget_schema(wire);
    }
    return container != NULL ? jd_wire_decode_datum(wire, jd_container_role(container),
                                                    jd_container_schema(container), record, arena, out)
                             : jd_wire_decode_line(wire, record, arena, out);
}

bool jd_history_is_text(const struct jd_history *history)
{
    return history->container == NULL;
}

uint64_t jd_history_number(const struct jd_history *history)
{
    return history->container != NULL ? jd_container_number(history->container)
                                      : jd_lines_number(history->lines);
}

const char *jd_history_path(const struct jd_history *history)
{
    return jd_lines_path(history->lines);
}

double jd_history_share(const struct jd_history *history)
{
    return jd_lines_share(history->lines);
}
