/* What actors.csv, accounts.csv and products.csv of a policy say, as of a time. Facts that tables say are among those
 * of facts.h, limits in limits.h. */
#ifndef JOURNEYD_ENGINE_TABLES_H
#define JOURNEYD_ENGINE_TABLES_H

#include "engine/program.h"

/* As `require:` names them: actors, accounts, products. */
extern const char *const jd_table_names[JD_TABLE_END_];
/* The line about `id` that holds at `at`; NULL: none does, or the id is absent. */
const struct jd_table_line *jd_table_find(const struct jd_table *table, struct jd_str id, jd_time at);

#endif
