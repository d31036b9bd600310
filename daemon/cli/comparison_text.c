/* A comparison on the terminal, and as JSON. */
#include "base/avro.h"
#include "base/buf.h"
#include "base/contract.h"
#include "base/str.h"
#include "cli/comparison.h"
#include "cli/words.h"
#include "wire/json.h"

#include <inttypes.h>

/* ---- for people ----------------------------------------------------------------------------------------- */

enum { ROWS_MAX = 20 };

static void print_row(const struct jd_tally *tally, FILE *out)
{
    fprintf(out, "%-36.*s %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64,
            JD_STR_ARG(tally->name.ptr != NULL ? tally->name : JD_STR("(none named)")),
            tally->raised[JD_BEFORE], tally->raised[JD_AFTER], tally->fates[JD_FATE_APPEARS],
            tally->fates[JD_FATE_VANISHES], tally->fates[JD_FATE_CHANGES]);
    const char *begin = "  ";
    for (int i = 0; i < JD_ASPECT_COUNT; i++) {
        if (tally->aspects[i] > 0) {
            fprintf(out, "%s%s %" PRIu64, begin, jd_aspect_names[i], tally->aspects[i]);
            begin = ", ";
        }
    }
    fputc('\n', out);
}

/* A long table is for compare.json: here are the rows of which most differs. */
static void print_table(const char *title, const struct jd_tallies *table, FILE *out)
{
    uint64_t least = 0;
    uint32_t rows = table->count;
    while (rows > ROWS_MAX) { /* the bound doubles: few turns */
        least = least == 0 ? 1 : least * 2;
        rows = 0;
        for (uint32_t i = 0; i < table->count; i++) {
            const uint64_t *fates = table->items[i].fates;
            rows += fates[JD_FATE_APPEARS] + fates[JD_FATE_VANISHES] + fates[JD_FATE_CHANGES] >= least;
        }
    }
    fprintf(out, "\n%-36s %8s %8s %8s %8s %8s\n", title, "before", "after", "appear", "vanish", "change");
    for (uint32_t i = 0; i < table->count; i++) {
        const uint64_t *fates = table->items[i].fates;
        if (fates[JD_FATE_APPEARS] + fates[JD_FATE_VANISHES] + fates[JD_FATE_CHANGES] >= least) {
            print_row(&table->items[i], out);
        }
    }
    if (rows < table->count) {
        fprintf(out, "%" PRIu32 " rows with fewer differences are in compare.json\n", table->count - rows);
    }
}

static void print_example(const struct jd_comparison *comparison, const struct jd_example *example,
                          struct jd_arena *arena, FILE *out)
{
    const struct jd_alert *before = example->alert[JD_BEFORE];
    const struct jd_alert *after = example->alert[JD_AFTER];
    const struct jd_alert *shown = after != NULL ? after : before;
    fprintf(out,
            "  %-6s " JD_STR_FMT ", " JD_STR_FMT " " JD_STR_FMT ": " JD_STR_FMT ", observed " JD_STR_FMT
            ", limit " JD_STR_FMT "\n",
            jd_fate_names[example->fate], JD_STR_ARG(shown->rule),
            JD_STR_ARG(jd_symbol_text(&jd_scope_symbols, shown->scope)), JD_STR_ARG(shown->key),
            JD_STR_ARG(jd_symbol_text(&jd_severity_symbols, shown->severity)),
            JD_STR_ARG(jd_words_measure(shown, shown->observed, arena)),
            JD_STR_ARG(jd_words_measure(shown, shown->limit, arena)));
    for (int i = 0; i < JD_ASPECT_COUNT; i++) {
        if ((example->aspects >> i) & 1) {
            fprintf(out, "         %s: " JD_STR_FMT " -> " JD_STR_FMT "\n", jd_aspect_names[i],
                    JD_STR_ARG(jd_comparison_aspect(before, (enum jd_aspect)i, arena)),
                    JD_STR_ARG(jd_comparison_aspect(after, (enum jd_aspect)i, arena)));
        }
    }
    const struct jd_event *events = shown->evidence.items;
    for (uint32_t i = 0; i < shown->evidence.count && i < 3; i++) {
        fprintf(out, "         " JD_STR_FMT "  " JD_STR_FMT "\n",
                JD_STR_ARG(jd_words_when(jd_words_touch_time(&events[i]), arena)),
                JD_STR_ARG(jd_words_touch(&events[i], arena)));
    }
    if (shown->evidence.count > 3) {
        fprintf(out, "         and %" PRIu32 " more\n", shown->evidence.count - 3);
    }
    fprintf(out, "         journeyd explain --alert " JD_STR_FMT " --file %s\n", JD_STR_ARG(shown->alert_id),
            comparison->alerts[after != NULL ? JD_AFTER : JD_BEFORE]);
}

struct jd_str jd_comparison_aspect(const struct jd_alert *alert, enum jd_aspect aspect,
                                   struct jd_arena *arena)
{
    switch (aspect) {
    case JD_ASPECT_STATUS:
        return jd_symbol_text(&jd_status_symbols, alert->status);
    case JD_ASPECT_PHASE:
        return jd_symbol_text(&jd_alert_phase_symbols, alert->phase);
    case JD_ASPECT_SEVERITY:
        return jd_symbol_text(&jd_severity_symbols, alert->severity);
    case JD_ASPECT_OBSERVED:
        return jd_words_measure(alert, alert->observed, arena);
    case JD_ASPECT_EVIDENCE:
        return jd_arena_printf(arena, "%" PRIu32 " contacts", alert->evidence.count);
    case JD_ASPECT_MODE:
        return jd_symbol_text(&jd_mode_symbols, alert->mode);
    case JD_ASPECT_COUNT:
        break;
    }
    return (struct jd_str){0};
}

void jd_comparison_print(const struct jd_comparison *comparison, struct jd_arena *arena, FILE *out)
{
    fprintf(out, "\n" JD_STR_FMT "\n", JD_STR_ARG(jd_comparison_headline(comparison, arena)));
    fprintf(out, "before: " JD_STR_FMT " %.12s\nafter:  " JD_STR_FMT " %.12s\n",
            JD_STR_ARG(comparison->name[JD_BEFORE]), comparison->hash[JD_BEFORE].ptr,
            JD_STR_ARG(comparison->name[JD_AFTER]), comparison->hash[JD_AFTER].ptr);
    print_table("by rule", &comparison->rules, out);
    print_table("by market", &comparison->markets, out);
    print_table("by team", &comparison->teams, out);
    print_table("by month", &comparison->months, out);
    fputs("\nexamples\n", out);
    for (uint32_t i = 0; i < comparison->example_count; i++) {
        if (i == 0 || comparison->examples[i].fate != comparison->examples[i - 1].fate ||
            !jd_str_eq(jd_comparison_shown(&comparison->examples[i])->rule,
                       jd_comparison_shown(&comparison->examples[i - 1])->rule)) {
            print_example(comparison, &comparison->examples[i], arena,
                          out); /* one of each; the rest is in the report */
        }
    }
    if (comparison->example_count == 0) {
        fputs("  none: nothing differs\n", out);
    }
}

const struct jd_alert *jd_comparison_shown(const struct jd_example *example)
{
    return example->alert[JD_AFTER] != NULL ? example->alert[JD_AFTER] : example->alert[JD_BEFORE];
}

/* ---- for programs --------------------------------------------------------------------------------------- */

static const char *const whens[JD_SIDES] = {"before", "after"};

static void write_pair(struct jd_buf *out, const char *name, const uint64_t values[JD_SIDES])
{
    jd_buf_printf(out, ",\"%s\":{\"before\":%" PRIu64 ",\"after\":%" PRIu64 "}", name, values[JD_BEFORE],
                  values[JD_AFTER]);
}

/* Members of a tally, each with a comma in front. */
static void write_tally(struct jd_buf *out, const struct jd_tally *tally)
{
    write_pair(out, "raised", tally->raised);
    write_pair(out, "stand", tally->stand);
    for (int i = 0; i < JD_FATE_COUNT; i++) {
        jd_buf_printf(out, ",\"%s\":%" PRIu64, jd_fate_names[i], tally->fates[i]);
    }
    jd_buf_text(out, ",\"changes\":{");
    for (int i = 0; i < JD_ASPECT_COUNT; i++) {
        jd_buf_printf(out, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", jd_aspect_names[i], tally->aspects[i]);
    }
    jd_buf_byte(out, '}');
}

static void write_tallies(struct jd_buf *out, const char *name, const char *member,
                          const struct jd_tallies *table)
{
    jd_buf_printf(out, ",\n\"%s\":[", name);
    for (uint32_t i = 0; i < table->count; i++) {
        const struct jd_tally *tally = &table->items[i];
        jd_buf_printf(out, "%s\n{\"%s\":", i > 0 ? "," : "", member);
        if (tally->name.ptr != NULL) {
            jd_json_write_str(tally->name, out);
        } else {
            jd_buf_text(out, "null");
        }
        if (tally->in[JD_BEFORE] || tally->in[JD_AFTER]) {
            jd_buf_printf(out, ",\"in\":\"%s\"",
                          tally->in[JD_BEFORE] && tally->in[JD_AFTER] ? "both"
                                                                      : whens[!tally->in[JD_BEFORE]]);
        }
        write_tally(out, tally);
        jd_buf_byte(out, '}');
    }
    jd_buf_byte(out, ']');
}

static void write_example(struct jd_buf *out, const struct jd_example *example)
{
    const char *begin = "";
    jd_buf_printf(out, "\n{\"fate\":\"%s\",\"differs\":[", jd_fate_names[example->fate]);
    for (int i = 0; i < JD_ASPECT_COUNT; i++) {
        if ((example->aspects >> i) & 1) {
            jd_buf_printf(out, "%s\"%s\"", begin, jd_aspect_names[i]);
            begin = ",";
        }
    }
    jd_buf_byte(out, ']');
    for (int side = JD_BEFORE; side < JD_SIDES; side++) {
        jd_buf_printf(out, ",\"%s\":", whens[side]);
        if (example->alert[side] != NULL) {
            jd_json_write(&jd_alert_record, example->alert[side], out);
        } else {
            jd_buf_text(out, "null");
        }
    }
    jd_buf_byte(out, '}');
}

static void write_time(struct jd_buf *out, const char *name, jd_time t, struct jd_arena *arena)
{
    jd_buf_printf(out, ",\"%s\":", name);
    if (t != JD_TIME_NONE) {
        jd_json_write_str(jd_time_text(t, arena), out);
    } else {
        jd_buf_text(out, "null");
    }
}

void jd_comparison_json(const struct jd_comparison *comparison, struct jd_arena *arena, FILE *out)
{
    struct jd_buf text;
    jd_buf_init(&text, arena);
    jd_buf_byte(&text, '{');
    for (int side = JD_BEFORE; side < JD_SIDES; side++) {
        jd_buf_printf(&text, "%s\"%s\":{\"name\":", side == JD_BEFORE ? "" : ",\n", whens[side]);
        jd_json_write_str(comparison->name[side], &text);
        jd_buf_printf(
            &text, ",\"hash\":\"" JD_STR_FMT "\",\"dead_lettered\":%" PRIu64 ",\"triggers\":%" PRIu64 "}",
            JD_STR_ARG(comparison->hash[side]), comparison->dead_lettered[side], comparison->triggers[side]);
    }
    jd_buf_text(&text, ",\n\"headline\":");
    jd_json_write_str(jd_comparison_headline(comparison, arena), &text);
    jd_buf_printf(&text, ",\n\"history\":{\"records\":%" PRIu64, comparison->records);
    write_time(&text, "first", comparison->first, arena);
    write_time(&text, "last", comparison->last, arena);
    jd_buf_printf(&text, "},\n\"total\":{\"keys\":%" PRIu64, comparison->keys);
    write_tally(&text, &comparison->total);
    jd_buf_byte(&text, '}');
    write_tallies(&text, "rules", "rule", &comparison->rules);
    write_tallies(&text, "months", "month", &comparison->months);
    write_tallies(&text, "markets", "market", &comparison->markets);
    write_tallies(&text, "teams", "team", &comparison->teams);
    jd_buf_text(&text, ",\n\"examples\":[");
    for (uint32_t i = 0; i < comparison->example_count; i++) {
        jd_buf_text(&text, i > 0 ? "," : "");
        write_example(&text, &comparison->examples[i]);
    }
    jd_buf_text(&text, "]}\n");
    fwrite(text.bytes, 1, text.size, out); /* the caller looks at the file's state */
}
