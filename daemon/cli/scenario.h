/* Scenario files: what happens, step by step, and what must come of it. Read to plain data here; run by
 * cli/test.c.
 *
 *   name: a planned visit near the medical one     # a file holds one scenario, or a list of them
 *   policy: ..                                     # default: the directory above the file's
 *   steps:
 *     - event: { type: call.planned, hcp_id: h1, … }      # fields of EngagementEvent.avsc
 *     - profile: { hcp_id: h1, country: DE, … }           # fields of HcpProfile.avsc
 *     - account_profile: { account_id: a1, … }            # fields of AccountProfile.avsc
 *     - advance: 2026-03-05T00:00:00Z                     # timers due by then fire
 *     - publish: ../stricter                              # another policy, found as `policy` is
 *     - expect:                                           # what came since the last expect
 *         alerts: [ { rule: r1, status: open } ]          # each revision, in order, exactly so many
 *         triggers: 1                                     # or only how many
 *
 * `expect` knows alerts, commercial_alerts, medical_alerts, shadow_alerts, triggers, decisions and dead_letters; a list left out is not looked at. Of each
 * item only the named fields are compared; `null` means absent. In an event `id` is by default the step's
 * number, `source` "test" and `time` its recorded_at; in a profile `recorded_at` is the time of the step. */
#ifndef JOURNEYD_CLI_SCENARIO_H
#define JOURNEYD_CLI_SCENARIO_H

#include "base/buf.h"
#include "journeyd/record.h"
#include "policy/yaml.h"

enum jd_expected {
    JD_EXPECT_ALERTS,
    JD_EXPECT_COMMERCIAL_ALERTS,
    JD_EXPECT_MEDICAL_ALERTS,
    JD_EXPECT_SHADOW_ALERTS,
    JD_EXPECT_TRIGGERS,
    JD_EXPECT_DECISIONS,
    JD_EXPECT_DEAD_LETTERS,
    JD_EXPECT_COUNT
};
extern const char *const jd_expected_names[JD_EXPECT_COUNT + 1]; /* ends with NULL */

enum jd_step_kind { JD_STEP_RECORD = 1, JD_STEP_ADVANCE, JD_STEP_PUBLISH, JD_STEP_EXPECT };

struct jd_step {
    enum jd_step_kind kind;
    struct jd_place place;
    struct jd_str line;   /* RECORD: a structured CloudEvent, as wire/wire.h reads it */
    jd_time to;           /* ADVANCE */
    struct jd_str policy; /* PUBLISH: directory, as to be opened from here; ends with a NUL */
    const struct jd_node
        *expected[JD_EXPECT_COUNT]; /* EXPECT: NULL = not looked at; a list, or a scalar: how many */
};

struct jd_scenario {
    struct jd_str name;
    struct jd_place place;
    struct jd_str policy; /* directory, as to be opened from here; ends with a NUL */
    const struct jd_step *steps;
    uint32_t step_count;
};

/* All scenarios of a file; everything lives in `arena`. False: `problems` says what is wrong with it. */
JD_MUST_CHECK bool jd_scenarios_read(const char *path, struct jd_arena *arena,
                                     struct jd_diagnostics *problems, const struct jd_scenario **scenarios,
                                     uint32_t *count);

#endif
