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
    struct jd_coverage coverage;
    struct jd_limits limits;     /* which of the two come from a table, and */
    struct jd_fields by;         /* by which fields */
    const struct jd_node *local; /* local:, or NULL */
};

/* A rule that was read, and where from. */
struct jd_compiled_rule {
    struct jd_rule rule;
    const struct jd_node *node;        /* as it was written */
    const struct jd_node *local;       /* what markets may choose, or NULL */
    struct jd_str market;              /* that added it; absent: the centre */
    bool wrong;                        /* it has errors: whatever else is said of it may be wrong too */
    struct jd_compiled_rule *versions; /* those of markets; their nodes are merged */
    uint32_t version_count, version_capacity;
};

/* A value of a closed list; 0: reported. */
uint8_t jd_read_symbol(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                       const struct jd_symbols *symbols, const char *expected);

/* [written_rule] scope: */
jd_read_value jd_read_scope;
/* Gives the program the keys that rules have for scope. */
void jd_settle_keys(struct jd_compile *c, struct jd_rule *rules, uint32_t count);
/* Readers of parameters; the target is the written rule. */
jd_read_value jd_read_within, jd_read_window, jd_read_report, jd_read_limit, jd_read_at_least, jd_read_period,
    jd_read_per, jd_read_distinct, jd_read_weights, jd_read_sum, jd_read_currency, jd_read_durations;
jd_read_value jd_read_link;     /* [bool] link: responds_to */
jd_read_value jd_read_axis;     /* [bool] axis: recorded_at */
jd_read_value jd_read_on_track; /* [jd_decimal] (coverage.c) */
/* over.c: over:; its selectors; the rules that it names, which are counted; what that is to digests. */
jd_read_value jd_read_over;
void jd_finish_over(struct jd_compile *c, struct written_rule *w, const struct jd_node *node);
void jd_settle_over(struct jd_compile *c, struct jd_rule *rules, uint32_t count);
void jd_digest_over(struct jd_rule *rules, uint32_t count);
/* [jd_severity_case] observed: { gt: 5 } */
jd_read_value jd_read_observed;

/* What coverage must have, and the values that it expects (coverage.c). */
void jd_finish_coverage(struct jd_compile *c, struct written_rule *w, const struct jd_node *node);

/* { table: limits, by: [fields] } in the place of a limit or a span (limits.c). */
bool jd_is_table(const struct jd_node *node);
void jd_read_table(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                   struct written_rule *w, bool is_limit);
/* Moves what the table has for the rule into it. */
void jd_finish_table(struct jd_compile *c, struct written_rule *w, const struct jd_node *node);
/* A field of the touch or the profile, or a group; false: there is none. */
JD_MUST_CHECK bool jd_by_ref_of(struct jd_compile *c, struct jd_str name, struct jd_field_ref *out);
/* What a limit should be, and is not, with a hint or NULL; NULL: it is right. */
const char *jd_limit_problem(const struct written_rule *w, struct jd_decimal limit, const char **hint);

/* What the parameters must be together, as the rule's kind has it; moves them into the rule. */
void jd_finish_parameters(struct jd_compile *c, struct written_rule *w, const struct jd_node *node);
/* Reads one rule; false: it is none at all. Either way problems say what is wrong. */
bool jd_read_rule(struct jd_compile *c, const struct jd_node *node, struct jd_compiled_rule *out);

/* stricter.c: a parameter that may differ from market to market. */
struct jd_changeable {
    const char *key;
    enum {
        JD_FORM_SPAN,
        JD_FORM_NUMBER,
        JD_FORM_TRUTH,
        JD_FORM_DURATIONS,
        JD_FORM_MODE,
        JD_FORM_SEVERITY,
        JD_FORM_TEXT, /* neither stricter nor looser */
    } form;
    size_t offset; /* in jd_rule */
};
const struct jd_changeable *jd_parameter_at(uint32_t index); /* NULL: no more */
/* Of a rule; NULL: no such parameter, or not of its kind. */
const struct jd_changeable *jd_parameter_of(const struct jd_rule *rule, struct jd_str key);
/* Which way is stricter: 1 more, -1 less, 0 neither. */
int jd_stricter(const struct jd_rule *rule, const struct jd_changeable *p);
/* How the parameter of `a` stands to that of `b`: 1 more, 0 equal, -1 less, or not to be compared. */
enum { JD_INCOMPARABLE = 2 };
int jd_parameter_order(const struct jd_compiled_rule *a, const struct jd_compiled_rule *b,
                       const struct jd_changeable *p);

/* markets.c: the rule that a market adds is about that market's touches only. */
void jd_rule_of_market(struct jd_compile *c, struct jd_compiled_rule *rule,
                       const struct jd_market_file *market);
/* What `local:` says must be possible. */
void jd_check_local(struct jd_compile *c, const struct jd_compiled_rule *rule);

/* For how long before and after its bearer a rule looks, ms. */
int64_t jd_rule_reach(const struct jd_rule *rule);
int64_t jd_longest_reach(const struct jd_compiled_rule *rule); /* of its versions, too */

#endif
