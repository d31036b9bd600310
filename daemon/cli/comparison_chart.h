/* What the page of a comparison shows as pictures: kinds of difference, and their course by months. */
#ifndef JOURNEYD_CLI_COMPARISON_CHART_H
#define JOURNEYD_CLI_COMPARISON_CHART_H

#include "cli/comparison.h"
#include "cli/page.h"

/* The fates that are shown, in this order: all but SAME. */
enum { JD_FATE_MARKS = 3 };
struct jd_fate_mark {
    enum jd_fate fate;
    const char *class, *word; /* the fill (cli/page.h); "New" */
};
extern const struct jd_fate_mark jd_fate_marks[JD_FATE_MARKS];

void jd_comparison_legend(const struct jd_page *page);
/* A column a month: new and changed alerts up, gone ones down. `months` are without gaps. */
void jd_comparison_timeline(const struct jd_page *page, const struct jd_tallies *months);

#endif
