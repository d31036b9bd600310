#include "base/fault.h"

#ifdef JD_FAULTS

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The linker's bounds of the section that JD_CRASH_POINT fills. */
extern const char *__start_jd_crash[] __attribute__((weak));
extern const char *__stop_jd_crash[] __attribute__((weak));

/* Passes of each label so far; more labels than this are one. */
enum { LABELS_MAX = 128 };

static int count_pass(const char *label)
{
    static _Atomic(const char *) labels[LABELS_MAX];
    static atomic_int passes[LABELS_MAX];
    int i = 0;
    for (; i < LABELS_MAX - 1; i++) {
        const char *none = NULL;
        if (atomic_compare_exchange_strong(&labels[i], &none, label) || strcmp(none, label) == 0)
            break;
    }
    return atomic_fetch_add(&passes[i], 1) + 1;
}

/* Whether `list` (label or label:n, comma separated) names this pass. */
static bool names(const char *list, const char *label, int pass)
{
    size_t size = strlen(label);
    for (const char *at = list; at != NULL && *at != '\0';) {
        size_t length = strcspn(at, ",");
        if (strncmp(at, label, size) == 0 && (at[size] == ':' || at[size] == ',' || at[size] == '\0') &&
            pass == (at[size] == ':' ? atoi(at + size + 1) : 1))
            return true;
        at += length;
        at += *at == ',';
    }
    return false;
}

/* Whether the comma separated `list` has `name`. */
static bool lists(const char *list, const char *name)
{
    size_t size = strlen(name);
    for (const char *at = list; at != NULL && *at != '\0';) {
        size_t length = strcspn(at, ",");
        if (length == size && strncmp(at, name, size) == 0)
            return true;
        at += length;
        at += *at == ',';
    }
    return false;
}

/* Whether the file that JD_STOP_FILE names lists `label` now. */
static bool is_ordered(const char *label)
{
    const char *path = getenv("JD_STOP_FILE");
    FILE *file = path == NULL ? NULL : fopen(path, "re");
    char list[256] = "";
    if (file == NULL)
        return false;
    (void)fgets(list, sizeof list, file);
    (void)fclose(file);
    return lists(list, label);
}

void jd_crash_point(const char *label)
{
    int pass = count_pass(label);
    if (names(getenv("JD_CRASH_AT"), label, pass))
        (void)kill(getpid(), SIGKILL);
    if (names(getenv("JD_STOP_AT"), label, pass) || is_ordered(label))
        (void)raise(SIGSTOP);
}

int jd_fault_number(const char *name, int usual)
{
    const char *text = getenv(name);
    return text == NULL ? usual : atoi(text);
}

bool jd_fault_off(const char *safeguard)
{
    return lists(getenv("JD_FAULT_OFF"), safeguard);
}

bool jd_fault_bug(const char *name)
{
    const char *bug = getenv("JD_BUG");
    return bug != NULL && strcmp(bug, name) == 0;
}

void jd_crash_labels(void (*visit)(const char *label))
{
    for (const char **at = __start_jd_crash; at != NULL && at < __stop_jd_crash; at++)
        visit(*at);
}

#else

/* A translation unit must hold a declaration. */
extern int jd_fault_nothing;

#endif
