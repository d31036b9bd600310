/* What actors.csv, accounts.csv and products.csv of a policy say, as of a time. Facts that tables say are among those
 * of facts.h, limits in limits.h. */
#ifndef JOURNEYD_ENGINE_TABLES_H
#define JOURNEYD_ENGINE_TABLES_H

#include "engine/program.h"

/* As `require:` names them: actors, accounts, products. */
extern const char *const jd_table_names[JD_TABLE_END_];
/* Whom a table is about for an event: its actor, account or product; may be absent. */
struct jd_str jd_table_id(enum jd_table_name table, const struct jd_event *event);
/* The lines about `id`, by time; `*count` of them. */
const struct jd_table_line *jd_table_about(const struct jd_table *table, struct jd_str id, uint32_t *count);
/* The one that holds at `at`; NULL: none does, or the id is absent. */
const struct jd_table_line *jd_table_find(const struct jd_table *table, struct jd_str id, jd_time at);
/* The lines of a table of facts about a key; `*count` of them. */
const struct jd_fact_line *jd_fact_lines_about(const struct jd_fact_lines *lines, enum jd_scope scope,
                                               struct jd_str key, uint32_t *count);

#endif
