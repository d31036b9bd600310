#include "policy/diagnostics.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* A text says enough in so many bytes; what users wrote is cut, not refused. */
enum { TEXT_MAX = 640, FILE_NAME_MAX = 1024, NAME_MAX_COMPARED = 64, LIST_MAX_SHOWN = 240 };

/* Every kept problem at its largest, and the arrays that grew on the way. */
enum { ARENA_MAX = JD_PROBLEMS_KEPT * (2 * TEXT_MAX + FILE_NAME_MAX + 256) + (1 << 20) };

void jd_diagnostics_init(struct jd_diagnostics *problems)
{
    *problems = (struct jd_diagnostics){0};
    jd_arena_init(&problems->arena, ARENA_MAX);
}

void jd_diagnostics_done(struct jd_diagnostics *problems)
{
    jd_arena_done(&problems->arena);
    *problems = (struct jd_diagnostics){0};
}

/* Bytes of the UTF-8 character at `p`, 0 when it is none. */
static uint32_t character_size(const char *p, uint32_t left)
{
    unsigned char first = (unsigned char)*p;
    uint32_t size = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (size > left || !jd_utf8_valid((struct jd_str){p, size}))
        return 0;
    return size;
}

/* A copy that a terminal and a JSON reader can take: control characters and what is not UTF-8 become '?',
 * and what is longer than `max` is cut between characters. */
static struct jd_str printable(struct jd_arena *arena, struct jd_str s, uint32_t max)
{
    char *copy = jd_arena_alloc(arena, (size_t)max + 1);
    uint32_t used = 0;
    for (uint32_t i = 0; i < s.size;) {
        uint32_t size = character_size(s.ptr + i, s.size - i);
        bool keep = size > 1 || (size == 1 && (unsigned char)s.ptr[i] >= 0x20 && s.ptr[i] != 0x7f);
        if (size > 0 && used + size > max)
            break;
        if (keep)
            memcpy(copy + used, s.ptr + i, size);
        else if (used < max)
            copy[used] = '?';
        else
            break;
        used += keep ? size : 1;
        i += size == 0 ? 1 : size;
    }
    return (struct jd_str){copy, used};
}

static struct jd_str printed(struct jd_arena *arena, const char *format, va_list args)
{
    char text[TEXT_MAX + 8];
    int size = vsnprintf(text, sizeof text, format, args); /* a cut text still says enough */
    uint32_t used = size < 0 ? 0 : (uint32_t)size < sizeof text - 1 ? (uint32_t)size : sizeof text - 1;
    return printable(arena, (struct jd_str){text, used}, TEXT_MAX);
}

void jd_problem_add(struct jd_diagnostics *problems, enum jd_problem_severity severity, struct jd_place place,
                    const char *format, ...)
{
    *(severity == JD_PROBLEM_ERROR ? &problems->errors : &problems->warnings) += 1;
    if (problems->errors + problems->warnings > JD_PROBLEMS_KEPT)
        return;
    if (problems->count == problems->capacity)
        problems->items = jd_arena_grow(&problems->arena, problems->items, problems->count,
                                        &problems->capacity, sizeof *problems->items);
    struct jd_problem *problem = &problems->items[problems->count++];
    *problem = (struct jd_problem){.severity = severity, .place = place};
    problem->place.file = printable(&problems->arena, place.file, FILE_NAME_MAX);
    va_list args;
    va_start(args, format);
    problem->text = printed(&problems->arena, format, args);
    va_end(args);
}

/* The problem that a hint belongs to; NULL: it was not kept. */
static struct jd_problem *last_problem(struct jd_diagnostics *problems)
{
    bool kept = problems->count > 0 && problems->errors + problems->warnings <= JD_PROBLEMS_KEPT;
    return kept ? &problems->items[problems->count - 1] : NULL;
}

void jd_problem_hint(struct jd_diagnostics *problems, const char *format, ...)
{
    struct jd_problem *problem = last_problem(problems);
    if (problem == NULL)
        return;
    va_list args;
    va_start(args, format);
    problem->hint = printed(&problems->arena, format, args);
    va_end(args);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c == '-' ? '_' : c;
}

/* Edit distance (insert, delete, replace, swap of neighbours), letter case and - for _ not counted. */
static uint32_t distance(const char *a, uint32_t a_size, const char *b, uint32_t b_size)
{
    uint32_t rows[3][NAME_MAX_COMPARED + 1];
    for (uint32_t j = 0; j <= b_size; j++)
        rows[0][j] = j;
    for (uint32_t i = 1; i <= a_size; i++) {
        uint32_t *row = rows[i % 3];
        const uint32_t *above = rows[(i - 1) % 3];
        row[0] = i;
        for (uint32_t j = 1; j <= b_size; j++) {
            uint32_t best = above[j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));
            best = above[j] + 1 < best ? above[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            bool swapped =
                i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]);
            if (swapped && rows[(i - 2) % 3][j - 2] + 1 < best)
                best = rows[(i - 2) % 3][j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[a_size % 3][b_size];
}

const char *jd_nearest_name(struct jd_str written, const char *const *names)
{
    if (written.size == 0 || written.size > NAME_MAX_COMPARED)
        return NULL;
    const char *nearest = NULL;
    uint32_t least = UINT32_MAX;
    for (; *names != NULL; names++) {
        size_t size = strlen(*names);
        if (size > NAME_MAX_COMPARED)
            continue;
        uint32_t away = distance(written.ptr, written.size, *names, (uint32_t)size);
        uint32_t longer = (uint32_t)size > written.size ? (uint32_t)size : written.size;
        if (away < least && away * 5 <= longer * 2) { /* at most two fifths of it wrong */
            least = away;
            nearest = *names;
        }
    }
    return nearest;
}

void jd_problem_suggest(struct jd_diagnostics *problems, struct jd_str written, const char *const *names)
{
    const char *nearest = jd_nearest_name(written, names);
    if (nearest != NULL) {
        jd_problem_hint(problems, "did you mean \"%s\"?", nearest);
        return;
    }
    char list[LIST_MAX_SHOWN];
    size_t used = 0;
    for (const char *const *name = names; *name != NULL; name++) {
        int size = snprintf(list + used, sizeof list - used, "%s%s", used > 0 ? ", " : "", *name);
        if (size < 0 || (size_t)size >= sizeof list - used)
            return; /* too many to be of help */
        used += (size_t)size;
    }
    if (used > 0)
        jd_problem_hint(problems, "one of: %s", list);
}

static int by_place(const void *a, const void *b)
{
    const struct jd_problem *x = *(const struct jd_problem *const *)a,
                            *y = *(const struct jd_problem *const *)b;
    int order = jd_str_cmp(x->place.file, y->place.file);
    if (order == 0)
        order = (x->place.line > y->place.line) - (x->place.line < y->place.line);
    if (order == 0)
        order = (x->place.column > y->place.column) - (x->place.column < y->place.column);
    return order != 0 ? order : (x > y) - (x < y);
}

/* Fills `sorted` (of JD_PROBLEMS_KEPT) and returns how many there are. */
static uint32_t sort_problems(const struct jd_diagnostics *problems, const struct jd_problem **sorted)
{
    for (uint32_t i = 0; i < problems->count; i++)
        sorted[i] = &problems->items[i];
    if (problems->count > 1)
        qsort(sorted, problems->count, sizeof(const struct jd_problem *), by_place);
    return problems->count;
}

static const char *severity_text(const struct jd_problem *problem)
{
    return problem->severity == JD_PROBLEM_ERROR ? "error" : "warning";
}

void jd_diagnostics_print(const struct jd_diagnostics *problems, FILE *out)
{
    const struct jd_problem *sorted[JD_PROBLEMS_KEPT];
    uint32_t count = sort_problems(problems, sorted);
    for (uint32_t i = 0; i < count; i++) {
        const struct jd_problem *p = sorted[i];
        (void)fprintf(out, JD_STR_FMT, JD_STR_ARG(p->place.file));
        if (p->place.line > 0)
            (void)fprintf(out, ":%u:%u", p->place.line, p->place.column);
        (void)fprintf(out, ": %s: " JD_STR_FMT "\n", severity_text(p), JD_STR_ARG(p->text));
        if (p->hint.ptr != NULL)
            (void)fprintf(out, "    hint: " JD_STR_FMT "\n", JD_STR_ARG(p->hint));
    }
    if (problems->errors + problems->warnings > 0)
        (void)fprintf(out, "%u error%s, %u warning%s\n", problems->errors, problems->errors == 1 ? "" : "s",
                      problems->warnings, problems->warnings == 1 ? "" : "s");
}

/* Texts are printable UTF-8 already: only the quote and the backslash need care. */
static void json_text(FILE *out, struct jd_str s)
{
    (void)fputc('"', out);
    for (uint32_t i = 0; i < s.size; i++) {
        if (s.ptr[i] == '"' || s.ptr[i] == '\\')
            (void)fputc('\\', out);
        (void)fputc(s.ptr[i], out);
    }
    (void)fputc('"', out);
}

void jd_diagnostics_json(const struct jd_diagnostics *problems, FILE *out)
{
    const struct jd_problem *sorted[JD_PROBLEMS_KEPT];
    uint32_t count = sort_problems(problems, sorted);
    (void)fprintf(out, "{\"errors\":%u,\"warnings\":%u,\"problems\":[", problems->errors, problems->warnings);
    for (uint32_t i = 0; i < count; i++) {
        const struct jd_problem *p = sorted[i];
        (void)fprintf(out, "%s\n  {\"severity\":\"%s\",\"file\":", i > 0 ? "," : "", severity_text(p));
        json_text(out, p->place.file);
        (void)fprintf(out, ",\"line\":%u,\"column\":%u,\"text\":", p->place.line, p->place.column);
        json_text(out, p->text);
        if (p->hint.ptr != NULL) {
            (void)fputs(",\"hint\":", out);
            json_text(out, p->hint);
        }
        (void)fputc('}', out);
    }
    (void)fputs("]}\n", out);
}
