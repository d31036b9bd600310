/* Parsing by the option table (cli/options.h). */
#include "cli/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/diagnostics.h"

enum { OPTIONS_MAX = 32 }; /* of one command */

static const struct jd_option *find(const struct jd_option *table, const char *name, size_t name_size)
{
    for (; table->kind != JD_OPTION_END; table++) {
        if (strlen(table->name) == name_size && strncmp(table->name, name, name_size) == 0) {
            return table;
        }
    }
    return NULL;
}

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0';
}

static void push(struct jd_words *words, const char *word, size_t capacity)
{
    if (words->items == NULL) {
        words->items = calloc(capacity, sizeof(*words->items));
        if (words->items == NULL) {
            fputs("journeyd: out of memory for the command line\n", stderr);
            abort();
        }
    }
    words->items[words->count++] = word;
}

static bool parse_int(const struct jd_option *option, const char *text, int64_t *out, struct jd_error *err)
{
    char *end = NULL;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value < option->min || value > option->max) {
        return jd_error_set(err, JD_EXIT_USAGE, "--%s: \"%s\" is not a whole number from %lld to %lld",
                            option->name, text, (long long)option->min, (long long)option->max);
    }
    *out = value;
    return true;
}

/* State of one parse: where the next word is. */
struct cursor {
    char *const *words;
    size_t count, next;
};

static bool take(const struct jd_option *option, const char *joined, struct cursor *at, void *arguments,
                 struct jd_error *err)
{
    void *member = (char *)arguments + option->offset;
    if (option->kind == JD_OPTION_FLAG) {
        if (joined != NULL) {
            return jd_error_set(err, JD_EXIT_USAGE, "--%s takes no value", option->name);
        }
        *(bool *)member = true;
        return true;
    }
    const char *value = joined;
    if (value == NULL && at->next < at->count && !is_option(at->words[at->next])) {
        value = at->words[at->next++];
    }
    if (value == NULL || *value == '\0') {
        return jd_error_set(err, JD_EXIT_USAGE, "--%s needs a value: --%s %s", option->name, option->name,
                            option->value);
    }
    if (option->kind == JD_OPTION_INT) {
        return parse_int(option, value, member, err);
    }
    if (option->kind == JD_OPTION_WORDS) {
        struct jd_words *words = member;
        push(words, value, at->count);
        while (joined == NULL && at->next < at->count && !is_option(at->words[at->next])) {
            push(words, at->words[at->next++], at->count);
        }
        return true;
    }
    const char **text = member;
    if (*text != NULL) {
        return jd_error_set(err, JD_EXIT_USAGE, "--%s is given twice", option->name);
    }
    *text = value;
    return true;
}

static bool parse_word(const struct jd_option *table, const char *word, struct cursor *at, void *arguments,
                       struct jd_error *err)
{
    const char *name = word + (word[1] == '-' ? 2 : 1);
    const char *equals = strchr(name, '=');
    const size_t name_size = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const struct jd_option *option = word[1] == '-' ? find(table, name, name_size) : NULL;
    if (option == NULL) {
        const char *names[OPTIONS_MAX + 1] = {NULL};
        for (size_t i = 0; i < OPTIONS_MAX && table[i].kind != JD_OPTION_END; i++) {
            names[i] = table[i].name;
        }
        const char *near = jd_nearest_name((struct jd_str){name, (uint32_t)name_size}, names);
        return near == NULL
                   ? jd_error_set(err, JD_EXIT_USAGE, "unknown option %s", word)
                   : jd_error_set(err, JD_EXIT_USAGE, "unknown option %s; did you mean --%s?", word, near);
    }
    return take(option, equals != NULL ? equals + 1 : NULL, at, arguments, err);
}

static bool is_missing(const struct jd_option *option, const void *arguments)
{
    const void *member = (const char *)arguments + option->offset;
    switch (option->kind) {
    case JD_OPTION_TEXT:
        return *(const char *const *)member == NULL;
    case JD_OPTION_WORDS:
        return ((const struct jd_words *)member)->count == 0;
    case JD_OPTION_INT:
        return *(const int64_t *)member == JD_INT_NONE;
    case JD_OPTION_FLAG:
    case JD_OPTION_END:
        break;
    }
    return false;
}

bool jd_options_parse(const struct jd_option *table, char *const *words, size_t count, void *arguments,
                      struct jd_words *operands, bool *help, struct jd_error *err)
{
    *help = false;
    for (size_t i = 0; i < count && strcmp(words[i], "--") != 0; i++) {
        if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0) {
            *help = true;
            return true;
        }
    }
    for (const struct jd_option *option = table; option->kind != JD_OPTION_END; option++) {
        if (option->kind == JD_OPTION_INT) {
            *(int64_t *)(void *)((char *)arguments + option->offset) = JD_INT_NONE;
        }
    }
    struct cursor at = {.words = words, .count = count, .next = 0};
    bool options_ended = false;
    while (at.next < count) {
        const char *word = words[at.next++];
        if (!options_ended && strcmp(word, "--") == 0) {
            options_ended = true;
        } else if (!options_ended && is_option(word)) {
            if (!parse_word(table, word, &at, arguments, err)) {
                return false;
            }
        } else {
            push(operands, word, count);
        }
    }
    for (const struct jd_option *option = table; option->kind != JD_OPTION_END; option++) {
        if (option->required && is_missing(option, arguments)) {
            return jd_error_set(err, JD_EXIT_USAGE, "--%s %s is missing", option->name, option->value);
        }
    }
    return true;
}

void jd_options_done(const struct jd_option *table, void *arguments, struct jd_words *operands)
{
    for (; table->kind != JD_OPTION_END; table++) {
        if (table->kind == JD_OPTION_WORDS) {
            struct jd_words *words = (void *)((char *)arguments + table->offset);
            free(words->items);
            *words = (struct jd_words){0};
        }
    }
    free(operands->items);
    *operands = (struct jd_words){0};
}

static int label(const struct jd_option *option, char *out, size_t size)
{
    return snprintf(out, size, "--%s%s%s%s", option->name, option->value != NULL ? " " : "",
                    option->value != NULL ? option->value : "", option->kind == JD_OPTION_WORDS ? "..." : "");
}

void jd_options_help(const struct jd_option *table, FILE *to)
{
    char text[128];
    int width = 0;
    for (const struct jd_option *option = table; option->kind != JD_OPTION_END; option++) {
        const int size = label(option, text, sizeof(text));
        width = size > width ? size : width;
    }
    for (const struct jd_option *option = table; option->kind != JD_OPTION_END; option++) {
        label(option, text, sizeof(text));
        fprintf(to, "  %-*s  %s%s\n", width, text, option->help, option->required ? " (required)" : "");
    }
}
