/* Seams for tests that kill and cripple the daemon: only in BUILD=faults, nothing of it otherwise.
 *
 * JD_CRASH_POINT("label") names a place where a kill -9 is interesting. The environment of the test:
 *   JD_CRASH_AT=<label>[:n],…  the process kills itself there at the n-th pass (default 1)
 *   JD_STOP_AT=<label>[:n],…   it stops itself there (SIGSTOP), until somebody continues it
 *   JD_STOP_FILE=<path>        it stops itself at each point that the file's only line lists then (<label>,…)
 *   JD_FAULT_OFF=<name>[,…]    safeguards that are switched off; jd_fault_off("name") asks
 *   JD_BUG=<name>              a bug of the engine that is switched on, so that the law's test can be tested:
 *       tie_order            of equal versions the least event id counts
 *       late_wins            a late, older version counts
 *       duplicate_counted    an event seen again makes an engagement of its own
 *       cancel_ignored       a cancelled touch stands
 *       lapse_ignored        a plan never lapses
 *       revive_ignored       what lapsed once stays lapsed
 *       boundary_excluded    the edge of a window is outside
 *       joint_ignored        a joint visit is a conflict
 *       same_ignored         same: is not looked at
 *       move_forgets_old     a touch that moved leaves its old alerts standing
 *       phase_flip_missing   an alert stays preventable when the hour has come
 *       market_ignored       every market has the rule of the centre
 *       severity_first_case  the first severity is taken whatever its conditions
 * `journeyd run --crash-points` lists every label that is compiled in. */
#ifndef JOURNEYD_BASE_FAULT_H
#define JOURNEYD_BASE_FAULT_H

#include <stdbool.h>

#ifdef JD_FAULTS

/* Labels are collected by the linker in one section, so that a list cannot miss one. */
#define JD_CRASH_POINT(label)                                                                                \
    do {                                                                                                     \
        static const char *jd_crash_label_ __attribute__((section("jd_crash"), used)) = label;               \
        jd_crash_point(jd_crash_label_);                                                                     \
    } while (0)

void jd_crash_point(const char *label);
bool jd_fault_off(const char *safeguard);
bool jd_fault_bug(const char *name);
/* The number in the environment variable `name`, or `usual`: to make rare situations common. */
int jd_fault_number(const char *name, int usual);
/* Calls `visit` with every label of the program; a label used twice comes twice. */
void jd_crash_labels(void (*visit)(const char *label));

#else

#define JD_CRASH_POINT(label) ((void)0)
#define jd_fault_off(safeguard) false
#define jd_fault_bug(name) false
#define jd_fault_number(name, usual) (usual)

#endif
#endif
