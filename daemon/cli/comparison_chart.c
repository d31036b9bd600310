#include "cli/comparison_chart.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/str.h"

enum { CHART_HEIGHT = 220, CHART_WIDTH = 960, AXIS = 56 };

const struct jd_fate_mark jd_fate_marks[JD_FATE_MARKS] = {{JD_FATE_APPEARS, "new", "New"},
                                                          {JD_FATE_VANISHES, "gone", "Gone"},
                                                          {JD_FATE_CHANGES, "changed", "Changed"}};

void jd_comparison_legend(const struct jd_page *page)
{
    jd_page_raw(page, "<ul class=\"legend\">");
    for (size_t i = 0; i < JD_FATE_MARKS; i++) {
        jd_page_raw(page, "<li>");
        jd_page_swatch(page, jd_fate_marks[i].class);
        jd_page_raw(page, jd_fate_marks[i].word);
        jd_page_raw(page, "</li>");
    }
    jd_page_raw(page, "</ul>\n");
}

/* A step of 1, 2 or 5 times a power of ten, at most four of them up to `most`. */
static uint64_t step_of(uint64_t most)
{
    static const uint64_t factors[] = {1, 2, 5};
    for (uint64_t power = 1;; power *= 10) {
        for (size_t i = 0; i < JD_COUNT(factors); i++) {
            if (most / 4 < factors[i] * power) {
                return factors[i] * power;
            }
        }
    }
}

struct chart {
    uint64_t up, down; /* the greatest columns */
    double unit;       /* pixels an alert */
    double zero;       /* y of the axis */
    double column;     /* width */
};

static struct chart chart_of(const struct jd_tallies *months)
{
    struct chart chart = {.up = 0, .down = 0};
    for (uint32_t i = 0; i < months->count; i++) {
        const uint64_t *fates = months->items[i].fates;
        const uint64_t up = fates[JD_FATE_APPEARS] + fates[JD_FATE_CHANGES];
        chart.up = up > chart.up ? up : chart.up;
        chart.down = fates[JD_FATE_VANISHES] > chart.down ? fates[JD_FATE_VANISHES] : chart.down;
    }
    const uint64_t both = chart.up + chart.down > 0 ? chart.up + chart.down : 1;
    chart.unit = (double)(CHART_HEIGHT - 24) / (double)both;
    chart.zero = 12 + (double)chart.up * chart.unit;
    chart.column = (double)(CHART_WIDTH - AXIS) / (double)(months->count > 0 ? months->count : 1);
    chart.column = chart.column > 72 ? 72 : chart.column;
    return chart;
}

static void put_line(const struct jd_page *page, const struct chart *chart, double value, uint64_t label)
{
    const double y = chart->zero - value * chart->unit;
    fprintf(page->out,
            "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/><text class=\"tick\" x=\"%d\" "
            "y=\"%.1f\" text-anchor=\"end\">",
            AXIS, CHART_WIDTH, y, y, AXIS - 8, y + 4);
    jd_page_count(page, label);
    jd_page_raw(page, "</text>\n");
}

static void put_column(const struct jd_page *page, const struct chart *chart, const struct jd_tally *month,
                       uint32_t index)
{
    const double x = AXIS + (double)index * chart->column + chart->column * 0.15;
    double top = chart->zero;
    fprintf(page->out,
            "<g><title>" JD_STR_FMT ": %" PRIu64 " new, %" PRIu64 " gone, %" PRIu64 " changed</title>",
            JD_STR_ARG(month->name), month->fates[JD_FATE_APPEARS], month->fates[JD_FATE_VANISHES],
            month->fates[JD_FATE_CHANGES]);
    for (size_t k = 0; k < JD_FATE_MARKS; k++) {
        const double height = (double)month->fates[jd_fate_marks[k].fate] * chart->unit;
        if (height > 0) {
            const bool is_down = jd_fate_marks[k].fate == JD_FATE_VANISHES;
            top -= is_down ? 0 : height;
            fprintf(page->out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
                    jd_fate_marks[k].class, x, is_down ? chart->zero : top, chart->column * 0.7, height);
        }
    }
    jd_page_raw(page, "</g>\n");
}

/* Each month, or, where they are many, each year's first. */
static void put_month_name(const struct jd_page *page, const struct chart *chart, struct jd_str month,
                           uint32_t index)
{
    static const char *const names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const unsigned long number = strtoul(month.ptr + month.size - 2, NULL, 10);
    const double x = AXIS + ((double)index + 0.5) * chart->column;
    const bool is_named = number == 1 || index == 0;
    if (chart->column >= 28 || is_named) {
        fprintf(page->out, "<text class=\"tick\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", x,
                CHART_HEIGHT + 8, chart->column >= 28 ? names[number - 1] : "");
    }
    if (is_named) {
        fprintf(page->out, "<text class=\"tick\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.*s</text>\n", x,
                CHART_HEIGHT + 24, (int)month.size - 3, month.ptr);
    }
}

void jd_comparison_timeline(const struct jd_page *page, const struct jd_tallies *months)
{
    const struct chart chart = chart_of(months);
    const uint64_t step = step_of(chart.up > chart.down ? chart.up : chart.down);
    fprintf(page->out,
            "<figure>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Timeline\">"
            "<svg viewBox=\"0 0 %d %d\" style=\"min-width:36rem\" role=\"img\" aria-label=\"New and changed "
            "alerts "
            "above the line, gone ones below it, by month; the table below has the numbers\">\n",
            CHART_WIDTH, CHART_HEIGHT + 32);
    for (uint64_t value = step; value <= chart.up; value += step) {
        put_line(page, &chart, (double)value, value);
    }
    for (uint64_t value = step; value <= chart.down; value += step) {
        put_line(page, &chart, -(double)value, value);
    }
    for (uint32_t i = 0; i < months->count; i++) {
        put_column(page, &chart, &months->items[i], i);
        put_month_name(page, &chart, months->items[i].name, i);
    }
    fprintf(page->out, "<line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>\n</svg></div>\n",
            AXIS, CHART_WIDTH, chart.zero, chart.zero);
    jd_page_raw(
        page,
        "<figcaption>New and changed alerts above the line, gone ones below it, by the month (UTC) of the "
        "last contact of each.</figcaption>\n</figure>\n");
}
