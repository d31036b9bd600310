/* Problems: order, form, bounds, and the nearest name. */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <jansson.h>

#include "base/str.h"
#include "policy/diagnostics.h"

static const char *const names[] = {"severity", "within", "same", "different", "unless", NULL};

Test(diagnostics, the_nearest_name_is_one_that_a_slip_explains)
{
    static const char *const rows[][2] = {
        {"severty", "severity"},
        {"serevity", "severity"},
        {"Within", "within"},
        {"wihtin", "within"},
        {"diferent", "different"},
        {"smae", "same"},
        {"sam", "same"},
        {"", NULL},
        {"citation", NULL},
        {"xyz", NULL},
        {"s", NULL},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        const char *found = jd_nearest_name(jd_str_of(rows[i][0]), names);
        cr_expect((found == NULL) == (rows[i][1] == NULL) &&
                      (found == NULL || strcmp(found, rows[i][1]) == 0),
                  "row %zu: %s gives %s", i, rows[i][0], found != NULL ? found : "nothing");
    }
    char long_name[200];
    memset(long_name, 'x', sizeof long_name);
    cr_expect_null(jd_nearest_name((struct jd_str){long_name, sizeof long_name}, names));
}

static char *printed(const struct jd_diagnostics *problems,
                     void (*print)(const struct jd_diagnostics *, FILE *))
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    cr_assert_not_null(out);
    print(problems, out);
    cr_assert_eq(fclose(out), 0);
    return text;
}

Test(diagnostics, text_is_sorted_by_place)
{
    struct jd_diagnostics problems;
    jd_diagnostics_init(&problems);
    jd_problem_add(&problems, JD_PROBLEM_WARNING, (struct jd_place){JD_STR("b.yaml"), 2, 1}, "third %d", 3);
    jd_problem_add(&problems, JD_PROBLEM_ERROR, (struct jd_place){JD_STR("a.yaml"), 10, 1}, "second");
    jd_problem_hint(&problems, "do %s", "that");
    jd_problem_add(&problems, JD_PROBLEM_ERROR, (struct jd_place){JD_STR("a.yaml"), 9, 7}, "first");
    jd_problem_suggest(&problems, JD_STR("sam"), names);
    jd_problem_add(&problems, JD_PROBLEM_ERROR, (struct jd_place){JD_STR("c.yaml"), 0, 0}, "is missing");
    jd_problem_suggest(&problems, JD_STR("q"), names);
    char *text = printed(&problems, jd_diagnostics_print);
    cr_expect_str_eq(
        text, "a.yaml:9:7: error: first\n    hint: did you mean \"same\"?\n"
              "a.yaml:10:1: error: second\n    hint: do that\n"
              "b.yaml:2:1: warning: third 3\n"
              "c.yaml: error: is missing\n    hint: one of: severity, within, same, different, unless\n"
              "3 errors, 1 warning\n");
    free(text);
    jd_diagnostics_done(&problems);
}

Test(diagnostics, json_is_json_whatever_was_written)
{
    struct jd_diagnostics problems;
    jd_diagnostics_init(&problems);
    jd_problem_add(&problems, JD_PROBLEM_ERROR, (struct jd_place){JD_STR("a\"\\\n\xff.yaml"), 1, 2},
                   "say \"%s\" \x1b[31m \xc3\xa4 \xc3", "\\n");
    jd_problem_hint(&problems, "tab\there");
    char *text = printed(&problems, jd_diagnostics_json);
    json_error_t error;
    json_t *root = json_loads(text, 0, &error);
    cr_assert_not_null(root, "%s: %s", error.text, text);
    const json_t *problem = json_array_get(json_object_get(root, "problems"), 0);
    cr_expect_str_eq(json_string_value(json_object_get(problem, "file")), "a\"\\??.yaml");
    cr_expect_str_eq(json_string_value(json_object_get(problem, "text")), "say \"\\n\" ?[31m ä ?");
    cr_expect_str_eq(json_string_value(json_object_get(problem, "hint")), "tab?here");
    cr_expect_str_eq(json_string_value(json_object_get(problem, "severity")), "error");
    cr_expect_eq(json_integer_value(json_object_get(problem, "line")), 1);
    cr_expect_eq(json_integer_value(json_object_get(problem, "column")), 2);
    cr_expect_eq(json_integer_value(json_object_get(root, "errors")), 1);
    json_decref(root);
    free(text);
    jd_diagnostics_done(&problems);
}

Test(diagnostics, a_flood_is_counted_and_not_kept)
{
    struct jd_diagnostics problems;
    static char text[5000];
    memset(text, 'x', sizeof text - 1);
    jd_diagnostics_init(&problems);
    for (int i = 0; i < 100000; i++) {
        jd_problem_add(&problems, JD_PROBLEM_ERROR, (struct jd_place){jd_str_of(text), 1, 1}, "%s", text);
        jd_problem_hint(&problems, "%s", text);
    }
    cr_expect_eq(problems.errors, 100000);
    cr_expect_eq(problems.count, JD_PROBLEMS_KEPT);
    cr_expect_lt(problems.items[0].text.size, 1000);
    jd_diagnostics_done(&problems);
}
