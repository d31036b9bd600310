/* An HTML page under way: what comes from records and policies is escaped, what the page is made of is not.
 *
 * The page stands by itself: nothing of it is loaded from elsewhere, and a content security policy says so. It is
 * readable on a screen of any width, light or dark, and on paper; it is well-formed as XML too. */
#ifndef JOURNEYD_CLI_PAGE_H
#define JOURNEYD_CLI_PAGE_H

#include <stdio.h>

#include "base/arena.h"

struct jd_page {
    struct jd_arena *arena; /* borrowed: of what is written on the way */
    FILE *out;              /* borrowed; the caller looks at its state in the end */
};

/* Up to where the content begins; jd_page_end() ends it. */
void jd_page_begin(const struct jd_page *page, struct jd_str title);
void jd_page_end(const struct jd_page *page);

void jd_page_raw(const struct jd_page *page, const char *html);    /* as it is */
void jd_page_text(const struct jd_page *page, struct jd_str text); /* escaped */
void jd_page_element(const struct jd_page *page, const char *name, struct jd_str text);
void jd_page_count(const struct jd_page *page, uint64_t count); /* 71,036 */

/* Fills of bars and swatches: "new" is solid, "gone" hatched, "changed" dotted, so that no colour needs to be seen. */
void jd_page_swatch(const struct jd_page *page, const char *class);

#endif
