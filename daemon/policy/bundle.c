#include "policy/bundle.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/sha.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/str.h"
#include "policy/policy.h"
#include "policy/value.h"

enum { DEPTH_MAX = 3, PATH_SIZE_MAX = 1024, NAME_SIZE_MAX = 200 };
static const char magic[] = "journeyd-policy 1\n";

struct jd_str jd_bundle_path(const struct jd_bundle *bundle, struct jd_str name)
{
    return jd_arena_printf(bundle->arena, JD_STR_FMT JD_STR_FMT, JD_STR_ARG(bundle->prefix),
                           JD_STR_ARG(name));
}

/* Where `name` stands or would stand. */
static uint32_t position(const struct jd_bundle *bundle, struct jd_str name)
{
    uint32_t low = 0, high = bundle->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (jd_str_cmp(bundle->files[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void jd_bundle_add(struct jd_bundle *bundle, struct jd_str name, struct jd_str bytes)
{
    uint32_t at = position(bundle, name);
    if (bundle->count == bundle->capacity)
        bundle->files = jd_arena_grow(bundle->arena, bundle->files, bundle->count, &bundle->capacity,
                                      sizeof *bundle->files);
    memmove(&bundle->files[at + 1], &bundle->files[at], (bundle->count - at) * sizeof *bundle->files);
    bundle->files[at] = (struct jd_bundle_file){jd_arena_str(bundle->arena, name), bytes};
    bundle->count++;
}

const struct jd_bundle_file *jd_bundle_file(const struct jd_bundle *bundle, struct jd_str name)
{
    uint32_t at = position(bundle, name);
    return at < bundle->count && jd_str_eq(bundle->files[at].name, name) ? &bundle->files[at] : NULL;
}

struct jd_str jd_bundle_text(const struct jd_bundle *bundle)
{
    struct jd_buf out;
    jd_buf_init(&out, bundle->arena);
    jd_buf_text(&out, magic);
    for (uint32_t i = 0; i < bundle->count; i++) {
        jd_buf_str(&out, bundle->files[i].name);
        jd_buf_printf(&out, " %u\n", bundle->files[i].bytes.size);
        jd_buf_str(&out, bundle->files[i].bytes);
        jd_buf_byte(&out, '\n');
    }
    return jd_buf_done(&out);
}

void jd_policy_hash_of(struct jd_str bundle, char hex[65])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    (void)SHA256((const unsigned char *)bundle.ptr, bundle.size, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

/* ---- from a directory --------------------------------------------------------------------------- */

struct walk {
    struct jd_bundle *bundle;
    struct jd_diagnostics *problems;
    size_t total; /* bytes so far */
    bool failed;
};

static void complain(struct walk *w, const char *path, const char *text)
{
    jd_problem_add(w->problems, JD_PROBLEM_ERROR, (struct jd_place){jd_str_of(path), 0, 0}, "%s", text);
    w->failed = true;
}

static bool ends_with(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);
    return a > b && strcmp(text + a - b, end) == 0;
}

static void read_member(struct walk *w, const char *path, const char *name)
{
    struct jd_str bytes;
    struct jd_error err;
    if (!jd_file_read(path, JD_POLICY_FILE_MAX, w->bundle->arena, &bytes, &err)) {
        complain(w, path, err.text);
        return;
    }
    w->total += bytes.size + strlen(name);
    if (!jd_utf8_valid(bytes))
        complain(w, path, "the file is not UTF-8");
    else if (w->total > JD_POLICY_BUNDLE_MAX - 64 * 1024)
        complain(w, path, "the files of the policy are larger than 16 MiB together");
    else if (w->bundle->count == JD_POLICY_FILES_MAX)
        complain(w, path, "the policy has more than 1024 files");
    else
        jd_bundle_add(w->bundle, jd_str_of(name), bytes);
}

static void read_directory(struct walk *w, const char *path, const char *name, int depth);

/* One entry; `name` is its path inside the policy. */
static void read_entry(struct walk *w, const char *path, const char *name, int depth)
{
    struct stat status;
    const char *base = strrchr(name, '/') != NULL ? strrchr(name, '/') + 1 : name;
    if (base[0] == '.' || strcmp(name, "tests") == 0 || strcmp(base, "README.md") == 0 ||
        strcmp(base, "LICENSE") == 0)
        return;
    if (!jd_value_is_name(jd_str_of(base)) || strlen(name) > NAME_SIZE_MAX)
        complain(w, path, "a policy's file names have only letters, digits, '.', '_' and '-'");
    else if (strcmp(name, "zoneinfo") == 0)
        complain(w, path, "is no file of a policy: the name is taken by the time zones of bundles");
    else if (stat(path, &status) != 0)
        complain(w, path, strerror(errno));
    else if (S_ISDIR(status.st_mode))
        read_directory(w, path, name, depth + 1);
    else if (S_ISREG(status.st_mode) && (ends_with(base, ".yaml") || ends_with(base, ".csv")))
        read_member(w, path, name);
    else
        jd_problem_add(w->problems, JD_PROBLEM_WARNING, (struct jd_place){jd_str_of(path), 0, 0},
                       "not part of the policy: only *.yaml and *.csv are read");
}

static void read_directory(struct walk *w, const char *path, const char *name, int depth)
{
    DIR *directory = depth <= DEPTH_MAX ? opendir(path) : NULL;
    if (directory == NULL) {
        complain(w, path, depth <= DEPTH_MAX ? strerror(errno) : "directories are nested too deep");
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL && !w->failed) {
        char below[PATH_SIZE_MAX], inside[PATH_SIZE_MAX];
        int a = snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        int b = snprintf(inside, sizeof inside, "%s%s%s", name, name[0] != '\0' ? "/" : "", entry->d_name);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (a < 0 || b < 0 || (size_t)a >= sizeof below || (size_t)b >= sizeof inside)
            complain(w, path, "a path is too long");
        else
            read_entry(w, below, inside, depth);
    }
    (void)closedir(directory); /* only read from */
}

bool jd_bundle_read(const char *directory, struct jd_arena *arena, struct jd_bundle *out,
                    struct jd_diagnostics *problems)
{
    char path[PATH_SIZE_MAX];
    size_t size = strlen(directory);
    while (size > 1 && directory[size - 1] == '/')
        size--;
    *out = (struct jd_bundle){.arena = arena};
    if (size >= sizeof path) {
        jd_problem_add(problems, JD_PROBLEM_ERROR, (struct jd_place){jd_str_of(directory), 0, 0},
                       "the path is too long");
        return false;
    }
    memcpy(path, directory, size);
    path[size] = '\0';
    out->prefix = jd_arena_printf(arena, "%s/", path);
    struct walk w = {.bundle = out, .problems = problems};
    read_directory(&w, path, "", 0);
    return !w.failed;
}

/* ---- from text ---------------------------------------------------------------------------------- */

/* A member's name: names of files with '/' between them, or of a zone. */
static bool is_member_name(struct jd_str name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+/";
    for (uint32_t i = 0; i < name.size; i++)
        if (memchr(allowed, name.ptr[i], sizeof allowed - 1) == NULL)
            return false;
    return name.size > 0 && name.size <= NAME_SIZE_MAX;
}

/* "name size\n" and the bytes and a line end; steps `*at` over them. */
static bool take_member(struct jd_str text, size_t *at, struct jd_bundle_file *out)
{
    const char *line = text.ptr + *at, *end = text.ptr + text.size;
    const char *stop = memchr(line, '\n', (size_t)(end - line));
    const char *space = stop != NULL ? memchr(line, ' ', (size_t)(stop - line)) : NULL;
    int64_t size;
    if (space == NULL || !jd_value_integer((struct jd_str){space + 1, (uint32_t)(stop - space - 1)}, &size) ||
        size < 0 || size >= end - stop - 1 || stop[1 + size] != '\n')
        return false;
    out->name = (struct jd_str){line, (uint32_t)(space - line)};
    out->bytes = (struct jd_str){stop + 1, (uint32_t)size};
    *at = (size_t)(stop + 1 + size + 1 - text.ptr);
    return is_member_name(out->name) && jd_utf8_valid(out->bytes);
}

bool jd_bundle_parse(struct jd_str text, struct jd_str name, struct jd_arena *arena, struct jd_bundle *out,
                     struct jd_diagnostics *problems)
{
    size_t at = sizeof magic - 1;
    struct jd_place place = {name.ptr != NULL ? name : JD_STR("bundle"), 0, 0};
    *out = (struct jd_bundle){.arena = arena, .prefix = JD_STR("")};
    if (name.ptr != NULL)
        out->prefix = jd_arena_printf(arena, JD_STR_FMT ": ", JD_STR_ARG(name));
    if (text.size < at || text.size > JD_POLICY_BUNDLE_MAX || memcmp(text.ptr, magic, at) != 0) {
        jd_problem_add(problems, JD_PROBLEM_ERROR, place, "no policy bundle of this version");
        return false;
    }
    while (at < text.size) { /* a member each turn */
        struct jd_bundle_file file;
        size_t start = at;
        if (!take_member(text, &at, &file) || out->count == 2 * JD_POLICY_FILES_MAX ||
            (out->count > 0 && jd_str_cmp(out->files[out->count - 1].name, file.name) >= 0)) {
            jd_problem_add(problems, JD_PROBLEM_ERROR, place, "the bundle is damaged at byte %zu", start);
            return false;
        }
        jd_bundle_add(out, file.name, file.bytes);
    }
    return true;
}
