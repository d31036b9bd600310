#include "shard/recovery.h"

#include <criterion/criterion.h>
#include <string.h>

#define ONE JD_STR("11111111111111111111111111111111")
#define TWO JD_STR("22222222222222222222222222222222")

/* A shard whose image is of seq 5 at offset 50 and whose journal, 0 to 100, ends at seq 9. */
static struct jd_recovery_facts usual(void)
{
    return (struct jd_recovery_facts){
        .group = JD_STR("g"),
        .partition = 3,
        .low = 0,
        .high = 100,
        .image = true,
        .image_seq = 5,
        .image_offset = 50,
        .image_lineage = ONE,
        .journal = true,
        .first_seq = 5,
        .first_offset = 50,
        .last_seq = 9,
        .first_lineage = ONE,
        .last_lineage = ONE,
    };
}

/* Decides, and holds a refusal to what its text must name; NULL: no refusal. */
static void expect(const char *name, const struct jd_recovery_facts *facts, enum jd_row row,
                   const char *names)
{
    struct jd_error err = {0};
    enum jd_row got = jd_recovery_decide(facts, &err);
    cr_expect_eq(got, row, "%s: %s instead of %s", name, jd_row_text(got), jd_row_text(row));
    cr_expect_eq(err.code, names == NULL ? JD_EXIT_OK : JD_EXIT_CONFIG, "%s: exit code %d", name, err.code);
    if (names != NULL)
        cr_expect(strstr(err.text, names) != NULL, "%s: \"%s\" does not say %s", name, err.text, names);
}

Test(recovery, nothing_anywhere_is_a_new_shard)
{
    struct jd_recovery_facts f = {.group = JD_STR("g"), .low = 0, .high = 0};
    expect("never used", &f, JD_ROW_NEW, NULL);
    f.high = 2;
    expect("only an aborted first record", &f, JD_ROW_NEW, NULL);
}

Test(recovery, image_behind_the_journal_is_redone)
{
    struct jd_recovery_facts f = usual();
    expect("r < j", &f, JD_ROW_REDO, NULL);
    f.last_seq = 5;
    expect("r = j", &f, JD_ROW_REDO, NULL);
    f = usual();
    f.low = 60, f.first_offset = 60, f.first_seq = 6;
    expect("the image's own record expired, the next is there", &f, JD_ROW_REDO, NULL);
}

Test(recovery, image_of_a_lineage_that_just_began)
{
    struct jd_recovery_facts f = usual();
    f.image_seq = 0, f.image_offset = 0, f.journal = false, f.low = f.high = 0;
    expect("record 1 was never committed", &f, JD_ROW_NEW, NULL);
    f.high = 2;
    expect("record 1 was aborted", &f, JD_ROW_NEW, NULL);
    f = usual();
    f.image_seq = 0, f.image_offset = 0, f.first_seq = 1, f.first_offset = 2;
    expect("nothing flushed yet", &f, JD_ROW_REDO, NULL);
    f.first_seq = 3, f.low = 8, f.first_offset = 8;
    expect("nothing flushed and the journal's start expired", &f, JD_ROW_GAP, ": 2 records");
    f.first_seq = 1, f.image_lineage = TWO;
    expect("of a beginning that never came to be", &f, JD_ROW_STATE_LOST, "no image");
    f.rebuild = true;
    expect("the same, with leave to rebuild", &f, JD_ROW_REBUILD, NULL);
}

Test(recovery, image_lost)
{
    struct jd_recovery_facts f = usual();
    f.image = false, f.first_seq = 1, f.first_offset = 0;
    expect("fail by default", &f, JD_ROW_STATE_LOST, "on_state_loss: rebuild");
    f.rebuild = true;
    expect("journal complete", &f, JD_ROW_REBUILD, NULL);
    f.first_seq = 4;
    expect("journal begins late", &f, JD_ROW_INCOMPLETE, "seq 1 to 3");
    f.rebuild = false;
    expect("says that rebuild would fail", &f, JD_ROW_STATE_LOST, "NOT complete");
}

Test(recovery, journal_begins_after_the_image)
{
    struct jd_recovery_facts f = usual();
    f.low = 70, f.first_offset = 70, f.first_seq = 8;
    expect("gap of 2", &f, JD_ROW_GAP, ": 2 records");
}

Test(recovery, another_history)
{
    struct jd_recovery_facts f = usual();
    f.image_seq = 10;
    expect("r > j", &f, JD_ROW_FOREIGN, "ahead");
    f = usual();
    f.image_lineage = TWO;
    expect("other lineage", &f, JD_ROW_FOREIGN, "lineage");
    f = usual();
    f.last_lineage = TWO;
    expect("the journal changes its lineage", &f, JD_ROW_FOREIGN, "lineage");
    f = usual();
    f.first_seq = 4;
    expect("another record at the image's offset", &f, JD_ROW_FOREIGN, "offset");
    f = usual();
    f.first_offset = 51;
    expect("no record at the image's offset", &f, JD_ROW_FOREIGN, "offset");
    f = usual();
    f.low = 60, f.first_offset = 60, f.first_seq = 5;
    expect("the image's record lies after its offset", &f, JD_ROW_FOREIGN, "elsewhere");
    f = usual();
    f.journal = false;
    expect("journal shorter than the image says", &f, JD_ROW_FOREIGN, "ahead");
}

Test(recovery, journal_gone)
{
    struct jd_recovery_facts f = usual();
    f.journal = false, f.low = f.high = 0;
    expect("empty", &f, JD_ROW_JOURNAL_GONE, "--adopt-image");
    f.low = f.high = 100;
    expect("expired", &f, JD_ROW_JOURNAL_GONE, "--adopt-image");
}

Test(recovery, inputs_must_reach_the_journal)
{
    struct {
        const char *name;
        int64_t next, low, high;
        enum jd_row row;
        const char *names;
    } rows[] = {
        {"inside", 10, 0, 20, JD_ROW_NONE, NULL},
        {"at the start", 10, 10, 20, JD_ROW_NONE, NULL},
        {"at the end", 20, 0, 20, JD_ROW_NONE, NULL},
        {"lost to retention", 10, 15, 20, JD_ROW_INPUT_LOST, "offsets 10 to 14 of ev/3"},
        {"recreated", 21, 0, 20, JD_ROW_INPUT_RECREATED, "created anew"},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_recovery_input in = {JD_STR("ev"), rows[i].next, rows[i].low, rows[i].high};
        struct jd_error err = {0};
        cr_expect_eq(jd_recovery_input(3, &in, &err), rows[i].row, "%s", rows[i].name);
        if (rows[i].names != NULL)
            cr_expect(strstr(err.text, rows[i].names) != NULL, "%s: %s", rows[i].name, err.text);
    }
}
