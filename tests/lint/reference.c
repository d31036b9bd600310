/* Prints the reference parts of README.md and config/journeyd.yaml from the tables that the daemon itself
 * works with, so that the two cannot differ (reference.sh puts them there, and checks); and YAML, as the daemon
 * reads it, as JSON for catalogue.py. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "policy/settings.h"
#include "policy/yaml.h"

static void log_codes(void)
{
    static const char *const levels[] = {"", "debug", "info", "warn", "error"};
    puts("| code | level | event | meaning |\n|---|---|---|---|");
#define X(number, name, level, event, doc)                                                                   \
    printf("| `JD-%04d` | %s | `%s` | %s |\n", number, levels[JD_LOG_##level], event, doc);
    JD_LOG_MAP(X)
#undef X
}

static void metrics(void)
{
    static const char *const kinds[] = {"", "counter", "gauge", "histogram"};
    puts("| metric | kind | labels | meaning |\n|---|---|---|---|");
#define X(name, kind, text, labels, help)                                                                    \
    printf("| `%s` | %s | %s | %s |\n", text, kinds[JD_METRIC_##kind], labels, help);
    JD_METRIC_MAP(X)
#undef X
}

static json_t *json_of(const struct jd_node *node)
{
    json_t *json = node->kind == JD_NODE_LIST  ? json_array()
                   : node->kind == JD_NODE_MAP ? json_object()
                                               : json_stringn(node->text.ptr, node->text.size);
    for (uint32_t i = 0; i < node->count; i++)
        if (node->kind == JD_NODE_LIST)
            json_array_append_new(json, json_of(&node->items[i]));
        else
            json_object_set_new(json, node->members[i].key.ptr, json_of(&node->members[i].value));
    return json;
}

/* A line of JSON for each file; every scalar is text. */
static int yaml_as_json(char *const *files, int count)
{
    struct jd_arena arena;
    jd_arena_init(&arena, (size_t)256 << 20);
    for (int i = 0; i < count; i++) {
        FILE *file = fopen(files[i], "rb");
        char *text = jd_arena_alloc(&arena, JD_YAML_SIZE_MAX);
        size_t size = file == NULL ? 0 : fread(text, 1, JD_YAML_SIZE_MAX, file);
        struct jd_diagnostics problems;
        jd_diagnostics_init(&problems);
        const struct jd_node *node =
            jd_yaml_parse((struct jd_str){text, (uint32_t)size}, jd_str_of(files[i]), &arena, &problems);
        if (file == NULL || fclose(file) != 0 || node == NULL) {
            fprintf(stderr, "%s cannot be read\n", files[i]);
            jd_diagnostics_print(&problems, stderr);
            return 65;
        }
        jd_diagnostics_done(&problems);
        json_t *json = json_of(node);
        json_dumpf(json, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(json);
    }
    jd_arena_done(&arena);
    return 0;
}

int main(int argc, char **argv)
{
    const char *part = argc == 2 ? argv[1] : "";
    if (argc > 2 && strcmp(argv[1], "yaml") == 0)
        return yaml_as_json(argv + 2, argc - 2);
    if (strcmp(part, "options") == 0)
        jd_settings_reference(stdout);
    else if (strcmp(part, "log-codes") == 0)
        log_codes();
    else if (strcmp(part, "metrics") == 0)
        metrics();
    else if (strcmp(part, "journeyd.yaml") == 0)
        jd_settings_example(stdout);
    else
        return 64;
    return 0;
}
