/* What the two files that read rules share: rules.c (what every rule has) and parameters.c (what kinds take). */
#ifndef JOURNEYD_POLICY_RULES_H
#define JOURNEYD_POLICY_RULES_H

#include "policy/compile.h"

/* A rule as it is read; then it becomes a jd_rule. */
struct written_rule {
    struct jd_rule rule;
    int64_t mode, scope; /* enums, while they are read */
    struct jd_fields same, different;
    struct jd_unless unless;
    struct jd_decimal limit, at_least; /* of one, the scale is not JD_DECIMAL_NONE */
    struct jd_span window;             /* unit 0: not written */
    struct jd_field_ref distinct;
    bool has_distinct, has_weights, has_per;
    int64_t *durations; /* of overlap */
};

/* A value of a closed list; 0: reported. */
uint8_t jd_read_symbol(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                       const struct jd_symbols *symbols, const char *expected);

/* Readers of parameters; the target is the written rule. */
jd_read_value jd_read_window, jd_read_report, jd_read_limit, jd_read_at_least, jd_read_period, jd_read_per,
    jd_read_distinct, jd_read_weights, jd_read_sum, jd_read_currency, jd_read_durations;
/* [jd_severity_case] observed: { gt: 5 } */
jd_read_value jd_read_observed;

/* What the parameters must be together, as the rule's kind has it; moves them into the rule. */
void jd_finish_parameters(struct jd_compile *c, struct written_rule *w, const struct jd_node *node);
/* For how long before and after its bearer a rule looks, ms. */
int64_t jd_rule_reach(const struct jd_rule *rule);

#endif
