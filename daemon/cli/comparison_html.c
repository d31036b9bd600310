/* A comparison as a page that a compliance officer reads. Every bar stands beside its number. */
#include "base/avro.h"
#include "base/buf.h"
#include "base/contract.h"
#include "base/str.h"
#include "cli/comparison_chart.h"
#include "cli/words.h"

#include <inttypes.h>
#include <stdlib.h>

enum { ROWS_MAX = 30, MONTH_ROWS_OPEN = 24, EVIDENCE_SHOWN = 6 };

static void put_policy(const struct jd_page *page, const struct jd_comparison *c, const char *title,
                       enum jd_when when)
{
    fprintf(page->out, "<dt>%s</dt><dd>", title);
    jd_page_text(page, c->name[when]);
    jd_page_raw(page, " <code>");
    jd_page_text(page, c->hash[when]);
    jd_page_raw(page, "</code></dd>\n");
}

static void put_about(const struct jd_page *page, const struct jd_comparison *c)
{
    jd_page_raw(page, "<header>\n<p class=\"soft\">What a change of policy would have done</p>\n");
    jd_page_element(page, "h1", jd_comparison_headline(c, page->arena));
    jd_page_raw(page, "<dl class=\"about\">\n");
    put_policy(page, c, "Policy before", JD_BEFORE);
    put_policy(page, c, "Policy after", JD_AFTER);
    jd_page_raw(page, "<dt>History</dt><dd>");
    jd_page_count(page, c->records);
    jd_page_raw(page, " records");
    if (c->first != JD_TIME_NONE) {
        jd_page_raw(page, ", ");
        jd_page_text(page, jd_words_when(c->first, page->arena));
        jd_page_raw(page, " to ");
        jd_page_text(page, jd_words_when(c->last, page->arena));
    }
    jd_page_raw(page, "</dd>\n</dl>\n</header>\n");
}

static void put_tile(const struct jd_page *page, const char *class, const char *text, uint64_t count)
{
    jd_page_raw(page, "<li>");
    if (class != NULL) {
        jd_page_swatch(page, class);
    }
    fprintf(page->out, "%s<b>", text);
    jd_page_count(page, count);
    jd_page_raw(page, "</b></li>\n");
}

static void put_totals(const struct jd_page *page, const struct jd_comparison *c)
{
    const struct jd_tally *t = &c->total;
    jd_page_raw(
        page,
        "<section aria-labelledby=\"totals\">\n<h2 id=\"totals\">In short</h2>\n<ul class=\"tiles\">\n");
    put_tile(page, NULL, "Raised before", t->raised[JD_BEFORE]);
    put_tile(page, NULL, "Raised after", t->raised[JD_AFTER]);
    put_tile(page, "new", "New", t->fates[JD_FATE_APPEARS]);
    put_tile(page, "gone", "Gone", t->fates[JD_FATE_VANISHES]);
    put_tile(page, "changed", "Changed", t->fates[JD_FATE_CHANGES]);
    put_tile(page, NULL, "The same", t->fates[JD_FATE_SAME]);
    jd_page_raw(page, "</ul>\n<p>At the end of the history ");
    jd_page_count(page, t->stand[JD_BEFORE]);
    jd_page_raw(page, " alerts stand before, ");
    jd_page_count(page, t->stand[JD_AFTER]);
    jd_page_raw(page, " after; the others were retracted. Something is different for ");
    jd_page_count(page, c->keys);
    jd_page_raw(page, c->keys == 1 ? " physician or other key." : " physicians or other keys.");
    jd_page_raw(page, " Suggestions sent: ");
    jd_page_count(page, c->triggers[JD_BEFORE]);
    jd_page_raw(page, " before, ");
    jd_page_count(page, c->triggers[JD_AFTER]);
    jd_page_raw(page, " after. Records refused: ");
    jd_page_count(page, c->dead_lettered[JD_BEFORE]);
    jd_page_raw(page, " before, ");
    jd_page_count(page, c->dead_lettered[JD_AFTER]);
    jd_page_raw(page, " after.</p>\n");
    if (t->fates[JD_FATE_CHANGES] > 0) {
        const char *begin = "<p>What changes, of those that do: ";
        for (int i = 0; i < JD_ASPECT_COUNT; i++) {
            if (t->aspects[i] > 0) {
                fprintf(page->out, "%s%s of ", begin, jd_aspect_names[i]);
                jd_page_count(page, t->aspects[i]);
                begin = ", ";
            }
        }
        jd_page_raw(page, ".</p>\n");
    }
    jd_page_raw(page, "</section>\n");
}

/* ---- tables --------------------------------------------------------------------------------------------- */

static uint64_t differences(const struct jd_tally *tally)
{
    return tally->fates[JD_FATE_APPEARS] + tally->fates[JD_FATE_VANISHES] + tally->fates[JD_FATE_CHANGES];
}

static uint64_t greatest(const struct jd_tallies *table)
{
    uint64_t most = 1;
    for (uint32_t i = 0; i < table->count; i++) {
        for (size_t k = 0; k < JD_FATE_MARKS; k++) {
            const uint64_t count = table->items[i].fates[jd_fate_marks[k].fate];
            most = count > most ? count : most;
        }
    }
    return most;
}

enum { BAR_HEIGHT = 8, BAR_STEP = 10 };

static void put_bars(const struct jd_page *page, const struct jd_tally *tally, uint64_t most)
{
    int bars = 0;
    for (size_t k = 0; k < JD_FATE_MARKS; k++) {
        bars += tally->fates[jd_fate_marks[k].fate] > 0;
    }
    fprintf(page->out, "<svg class=\"bars\" width=\"100%%\" height=\"%d\" aria-hidden=\"true\">",
            bars * BAR_STEP);
    bars = 0;
    for (size_t k = 0; k < JD_FATE_MARKS; k++) {
        const uint64_t count = tally->fates[jd_fate_marks[k].fate];
        if (count > 0) {
            fprintf(page->out, "<rect class=\"%s\" y=\"%d\" width=\"%.2f%%\" height=\"%d\"/>",
                    jd_fate_marks[k].class, bars++ * BAR_STEP, (double)count * 99 / (double)most + 1,
                    BAR_HEIGHT);
        }
    }
    jd_page_raw(page, "</svg>");
}

static void put_row(const struct jd_page *page, const struct jd_tally *tally, uint64_t most)
{
    jd_page_raw(page, "<tr><th scope=\"row\">");
    jd_page_text(page, tally->name.ptr != NULL ? tally->name : JD_STR("not named"));
    if (tally->in[JD_BEFORE] != tally->in[JD_AFTER]) {
        fprintf(page->out, " <span class=\"soft\">(only %s)</span>",
                tally->in[JD_AFTER] ? "after" : "before");
    }
    if (most > 0 && differences(tally) > 0) {
        put_bars(page, tally, most);
    }
    jd_page_raw(page, "</th>");
    const uint64_t cells[] = {tally->raised[JD_BEFORE], tally->raised[JD_AFTER],
                              tally->fates[JD_FATE_APPEARS], tally->fates[JD_FATE_VANISHES],
                              tally->fates[JD_FATE_CHANGES]};
    for (size_t i = 0; i < JD_COUNT(cells); i++) {
        jd_page_raw(page, "<td>");
        jd_page_count(page, cells[i]);
        jd_page_raw(page, "</td>");
    }
    jd_page_raw(page, "</tr>\n");
}

static int by_differences(const void *a, const void *b)
{
    const struct jd_tally *x = a;
    const struct jd_tally *y = b;
    if (differences(x) != differences(y)) {
        return differences(x) > differences(y) ? -1 : 1;
    }
    return jd_str_cmp(x->name, y->name);
}

/* `rows_max` of them, those with most differences first; 0: all, in their order. */
static void put_table(const struct jd_page *page, const struct jd_tallies *table, const char *what,
                      const char *caption, bool has_bars, uint32_t rows_max)
{
    const struct jd_tally *rows = table->items;
    if (rows_max > 0 && table->count > 1) {
        struct jd_tally *sorted = jd_arena_array(page->arena, table->count, sizeof(*sorted));
        memcpy(sorted, table->items, table->count * sizeof(*sorted));
        qsort(sorted, table->count, sizeof(*sorted), by_differences);
        rows = sorted;
    }
    const uint32_t count = rows_max > 0 && table->count > rows_max ? rows_max : table->count;
    fprintf(
        page->out,
        "<table>\n<caption>%s</caption>\n<thead><tr><th scope=\"col\">%s</th><th scope=\"col\">Before</th>"
        "<th scope=\"col\">After</th><th scope=\"col\">New</th><th scope=\"col\">Gone</th>"
        "<th scope=\"col\">Changed</th></tr></thead>\n<tbody>\n",
        caption, what);
    for (uint32_t i = 0; i < count; i++) {
        put_row(page, &rows[i], has_bars ? greatest(table) : 0);
    }
    jd_page_raw(page, "</tbody>\n</table>\n");
    if (count < table->count) {
        jd_page_raw(page, "<p class=\"soft\">");
        jd_page_count(page, table->count - count);
        jd_page_raw(page, " more, with fewer differences, are in compare.json.</p>\n");
    }
}

static void put_rules(const struct jd_page *page, const struct jd_comparison *c)
{
    jd_page_raw(page, "<section aria-labelledby=\"rules\">\n<h2 id=\"rules\">By rule</h2>\n");
    jd_comparison_legend(page);
    put_table(page, &c->rules, "Rule", "Alerts raised, by rule. Bars have one scale.", true, 0);
    jd_page_raw(page, "</section>\n");
}

static void put_months(const struct jd_page *page, const struct jd_comparison *c)
{
    const struct jd_tallies *months = &c->months;
    jd_page_raw(page, "<section aria-labelledby=\"months\">\n<h2 id=\"months\">By month</h2>\n");
    if (differences(&c->total) > 0) {
        jd_comparison_legend(page);
        jd_comparison_timeline(page, months);
    }
    fprintf(page->out, "<details%s><summary>The numbers</summary>\n",
            months->count <= MONTH_ROWS_OPEN ? " open=\"open\"" : "");
    put_table(page, months, "Month", "Alerts raised, by the month of the last contact.", false, 0);
    jd_page_raw(page, "</details>\n</section>\n");
}

/* ---- examples ------------------------------------------------------------------------------------------- */

static const char *const fate_words[JD_FATE_COUNT] = {"The same", "New", "Gone", "Changed"};

static void put_changes(const struct jd_page *page, const struct jd_example *example)
{
    jd_page_raw(page, "<ul>\n");
    for (int i = 0; i < JD_ASPECT_COUNT; i++) {
        if ((example->aspects >> i) & 1) {
            fprintf(page->out, "<li>%s: ", jd_aspect_names[i]);
            jd_page_text(page,
                         jd_comparison_aspect(example->alert[JD_BEFORE], (enum jd_aspect)i, page->arena));
            jd_page_raw(page, " before, <strong>");
            jd_page_text(page,
                         jd_comparison_aspect(example->alert[JD_AFTER], (enum jd_aspect)i, page->arena));
            jd_page_raw(page, "</strong> after</li>\n");
        }
    }
    jd_page_raw(page, "</ul>\n");
}

static void put_evidence(const struct jd_page *page, const struct jd_alert *alert)
{
    const struct jd_event *events = alert->evidence.items;
    const uint32_t count = alert->evidence.count;
    const uint32_t from = count > EVIDENCE_SHOWN ? count - EVIDENCE_SHOWN : 0;
    if (from > 0) {
        jd_page_raw(page, "<p class=\"soft\">The last of ");
        jd_page_count(page, count);
        jd_page_raw(page, " contacts:</p>\n");
    }
    jd_page_raw(page, "<ol>\n");
    for (uint32_t i = from; i < count; i++) {
        fprintf(page->out, "<li value=\"%" PRIu32 "\">", i + 1);
        jd_page_text(page, jd_words_when(jd_words_touch_time(&events[i]), page->arena));
        jd_page_raw(page, ": ");
        jd_page_text(page, jd_words_touch(&events[i], page->arena));
        if (events[i].product.ptr != NULL) {
            jd_page_raw(page, ", about ");
            jd_page_text(page, events[i].product);
        }
        jd_page_raw(page, "</li>\n");
    }
    jd_page_raw(page, "</ol>\n");
}

static void put_example(const struct jd_page *page, const struct jd_example *example)
{
    const struct jd_alert *alert = jd_comparison_shown(example);
    fprintf(page->out, "<article class=\"%s\">\n<h4>%s: ", jd_fate_names[example->fate],
            fate_words[example->fate]);
    jd_page_text(page, jd_symbol_text(&jd_scope_symbols, alert->scope));
    jd_page_raw(page, " ");
    jd_page_text(page, alert->key);
    jd_page_raw(page, ", ");
    jd_page_text(page, jd_symbol_text(&jd_severity_symbols, alert->severity));
    jd_page_raw(page, ", ");
    jd_page_text(page, jd_symbol_text(&jd_alert_phase_symbols, alert->phase));
    jd_page_raw(page, alert->status == JD_STATUS_OPEN ? "" : ", ");
    jd_page_text(page, alert->status == JD_STATUS_OPEN ? JD_STR("")
                                                       : jd_symbol_text(&jd_status_symbols, alert->status));
    jd_page_raw(page, "</h4>\n");
    if (example->aspects != 0) {
        put_changes(page, example);
    }
    jd_page_raw(page, "<p>Observed ");
    jd_page_text(page, jd_words_measure(alert, alert->observed, page->arena));
    jd_page_raw(page, ", limit ");
    jd_page_text(page, jd_words_measure(alert, alert->limit, page->arena));
    if (alert->window.ptr != NULL) {
        jd_page_raw(page, ", window ");
        jd_page_text(page, alert->window);
    }
    jd_page_raw(page, ".</p>\n");
    put_evidence(page, alert);
    jd_page_raw(page, "<p class=\"soft\">Alert <code>");
    jd_page_text(page, alert->alert_id);
    jd_page_raw(page, "</code></p>\n</article>\n");
}

static void put_examples(const struct jd_page *page, const struct jd_comparison *c)
{
    jd_page_raw(page, "<section aria-labelledby=\"examples\">\n<h2 id=\"examples\">Examples</h2>\n");
    jd_page_raw(page,
                c->example_count > 0
                    ? "<p class=\"soft\">Of each rule, the most severe and the latest of each kind.</p>\n"
                    : "<p>None: nothing differs.</p>\n");
    for (uint32_t i = 0; i < c->example_count; i++) {
        const struct jd_alert *alert = jd_comparison_shown(&c->examples[i]);
        if (i == 0 || !jd_str_eq(alert->rule, jd_comparison_shown(&c->examples[i - 1])->rule)) {
            jd_page_element(page, "h3", alert->rule);
            if (alert->citation.ptr != NULL) {
                jd_page_element(page, "p", alert->citation);
            }
        }
        put_example(page, &c->examples[i]);
    }
    jd_page_raw(page, "</section>\n");
}

void jd_comparison_html(const struct jd_comparison *comparison, struct jd_arena *arena, FILE *out)
{
    const struct jd_page page = {.arena = arena, .out = out};
    jd_page_begin(&page, jd_arena_printf(arena, "Comparison of policies: " JD_STR_FMT " and " JD_STR_FMT,
                                         JD_STR_ARG(comparison->name[JD_BEFORE]),
                                         JD_STR_ARG(comparison->name[JD_AFTER])));
    put_about(&page, comparison);
    put_totals(&page, comparison);
    put_rules(&page, comparison);
    put_months(&page, comparison);
    jd_page_raw(&page, "<section aria-labelledby=\"markets\">\n<h2 id=\"markets\">By market</h2>\n");
    put_table(&page, &comparison->markets, "Market", "Alerts raised, by the country of the last contact.",
              false, ROWS_MAX);
    jd_page_raw(&page, "</section>\n<section aria-labelledby=\"teams\">\n<h2 id=\"teams\">By team</h2>\n");
    put_table(&page, &comparison->teams, "Team",
              "Alerts raised, by team. An alert counts for every team that takes part in it.", false,
              ROWS_MAX);
    jd_page_raw(&page, "</section>\n");
    put_examples(&page, comparison);
    jd_page_end(&page);
}
