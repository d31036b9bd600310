/* Alerts with more members than a record of the journal can hold. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/sha256.h"
#include "base/str.h"
#include "engine/conflicts/conflicts.h"
#include "engine/conflicts/evidence.h"
#include "world.h"

enum { TOUCHES = 100, KEY_SIZE = 4000 };

static struct world world_, *const w = &world_;
static char keys[TOUCHES][KEY_SIZE + 1];

static void fini(void)
{
    world_done(w);
}

TestSuite(evidence, .fini = fini);

/* More than `limit` touches within a week, each of which takes 4 KB. */
static void start(uint32_t limit, int64_t window_ms)
{
    static const struct jd_severity_case medium = {.severity = JD_SEVERITY_MEDIUM};
    world_init(w);
    struct jd_rule *rule = world_rule(
        w, "r", (struct jd_span){.unit = JD_SPAN_DAYS_LOCAL, .amount = 7, .text = JD_STR("{days: 7}")});
    rule->kind = jd_conflict_kind_of(JD_STR("frequency"));
    rule->measure = JD_MEASURE_COUNT;
    rule->limit = (struct jd_decimal){limit, 0};
    rule->b = (struct jd_selector){0};
    rule->severities = &medium;
    w->program.window_ms = window_ms;
    world_start(w);
}

static void touch(int i, double recorded, enum jd_phase phase)
{
    char id[32];
    (void)snprintf(id, sizeof id, "%d-%d", i, phase);
    (void)snprintf(keys[i], sizeof keys[i], "%03d", i);
    memset(keys[i] + 3, 'k', KEY_SIZE - 3);
    const struct spec spec = {.id = id,
                              .engagement = keys[i],
                              .at = i,
                              .recorded = recorded,
                              .phase = phase,
                              .role = JD_ROLE_SALES_REP};
    cr_assert_eq(feed(w, &spec), JD_APPLIED);
}

static void touches(void)
{
    for (int i = 0; i < TOUCHES; i++)
        touch(i, i + 0.5, JD_PHASE_COMPLETED);
}

Test(evidence, is_cut_by_bytes_counted_and_hashed)
{
    start(TOUCHES - 1, 7 * JD_DAY);
    touches();
    const struct jd_alert *alert = last_alert(w);
    const struct jd_event *events = alert->evidence.items;
    cr_assert_eq(alert->evidence_count, TOUCHES);
    cr_assert_eq(alert->evidence.count, JD_EVIDENCE_BYTES_MAX / (KEY_SIZE + 50), "%u", alert->evidence.count);
    cr_assert_eq(events[alert->evidence.count - 1].engagement_id.ptr[1], '9', "the latest stay");
    for (uint32_t i = 0; i < w->out.change_count; i++)
        cr_assert_leq(w->out.changes[i].body.body.size, JD_EVIDENCE_BYTES_MAX + 4096);
    struct jd_buf whole;
    jd_buf_init(&whole, &w->arena);
    struct jd_image image;
    cr_assert(jd_fold_image(w->fold, JD_STR("hcp:h"), &w->arena, &image));
    const struct jd_change *entries = image.entries.items;
    for (uint32_t i = 0; i < image.entries.count && entries[i].kind == JD_ENTRY_ENGAGEMENT; i++) {
        struct jd_engagement engagement;
        struct jd_error err;
        cr_assert(jd_avro_read(jd_entry_records[0], entries[i].body.body, &w->arena, &engagement, &err));
        engagement.event.hcp_id = JD_STR("h");
        jd_avro_write(&jd_event_record, &engagement.event, &whole);
    }
    cr_assert(jd_str_eq(alert->evidence_sha256, jd_sha256(jd_buf_done(&whole), &w->arena)));
}

Test(evidence, a_member_that_was_cut_off_still_retracts_for_its_own_cause)
{
    start(TOUCHES - 1, 7 * JD_DAY);
    touches();
    cr_assert_eq(last_alert(w)->status, JD_STATUS_OPEN);
    touch(0, 120, JD_PHASE_CANCELLED);
    cr_assert_eq(last_alert(w)->status, JD_STATUS_RETRACTED);
    cr_assert_eq(last_alert(w)->cause, JD_CAUSE_CANCELLED);
}

Test(evidence, the_same_members_make_no_revision)
{
    start(TOUCHES - 1, 7 * JD_DAY);
    touches();
    (void)effects(w);
    struct jd_hcp_profile profile = profile_of("h", 100, "America/New_York"); /* all is judged again */
    cr_assert_eq(feed_profile(w, &profile), JD_APPLIED);
    EXPECT(w, "");
}

Test(evidence, an_alert_goes_with_a_member_that_was_cut_off)
{
    start(TOUCHES - 1, 0); /* so nothing is kept for the window */
    touches();
    (void)effects(w);
    advance(w, 30 * 24 + 0.4);
    cr_assert_eq(alerts_told(w), 0);
    advance(w, 30 * 24 + 0.6);
    cr_assert_eq(alerts_told(w), 1);
    cr_assert_eq(last_alert(w)->final, JD_TRUE);
}
