/* zlib reads plain and compressed files alike; this cuts what it gives into lines. */
#include "cli/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { READ_SIZE = 256 * 1024 };

struct jd_lines {
    const char *path; /* borrowed */
    gzFile file;
    off_t file_size; /* 0: unknown */
    char *bytes;     /* line_size_max + READ_SIZE of them */
    size_t line_size_max;
    size_t begin, end; /* what is read and not yet given out */
    uint64_t number;
    bool is_at_end;
};

static bool fill(struct jd_lines *lines, struct jd_error *err)
{
    memmove(lines->bytes, lines->bytes + lines->begin, lines->end - lines->begin);
    lines->end -= lines->begin;
    lines->begin = 0;
    const int size = gzread(lines->file, lines->bytes + lines->end, READ_SIZE);
    int code = Z_OK;
    const char *why = gzerror(lines->file, &code);
    if (size < 0 || (size == 0 && code != Z_OK && code != Z_STREAM_END)) {
        return jd_error_set(err, JD_EXIT_DATA, "%s: cannot be read after line %llu: %s", lines->path,
                            (unsigned long long)lines->number, code == Z_ERRNO ? strerror(errno) : why);
    }
    lines->end += (size_t)size;
    lines->is_at_end = size == 0;
    return true;
}

struct jd_lines *jd_lines_open(const char *path, size_t line_size_max, struct jd_error *err)
{
    struct jd_lines *lines = calloc(1, sizeof(*lines));
    const bool is_stdin = strcmp(path, "-") == 0;
    if (lines == NULL || (lines->bytes = malloc(line_size_max + READ_SIZE)) == NULL) {
        jd_error_set(err, JD_EXIT_INTERNAL, "%s: out of memory", path);
        goto failed;
    }
    lines->path = is_stdin ? "standard input" : path;
    lines->line_size_max = line_size_max;
    const int fd = is_stdin ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    struct stat about = {0};
    if (fd < 0 || fstat(fd, &about) != 0) {
        jd_error_set(err, JD_EXIT_DATA, "%s: cannot be opened: %s", path, strerror(errno));
        goto failed;
    }
    if (S_ISDIR(about.st_mode)) {
        jd_error_set(err, JD_EXIT_DATA, "%s: is a directory; name its files", path);
        close(fd);
        goto failed;
    }
    lines->file_size = S_ISREG(about.st_mode) ? about.st_size : 0;
    lines->file = gzdopen(fd, "rb");
    if (lines->file == NULL) {
        jd_error_set(err, JD_EXIT_INTERNAL, "%s: out of memory", path);
        close(fd);
        goto failed;
    }
    (void)gzbuffer(lines->file, READ_SIZE); /* a smaller buffer only reads slower */
    if (fill(lines, err)) {
        return lines;
    }
failed:
    jd_lines_close(lines);
    return NULL;
}

void jd_lines_close(struct jd_lines *lines)
{
    if (lines == NULL) {
        return;
    }
    if (lines->file != NULL) {
        (void)gzclose_r(lines->file); /* read only: nothing can be lost */
    }
    free(lines->bytes);
    free(lines);
}

static bool is_blank(struct jd_str text)
{
    for (uint32_t i = 0; i < text.size; i++) {
        if (text.ptr[i] != ' ' && text.ptr[i] != '\t') {
            return false;
        }
    }
    return true;
}

/* Drops bytes up to the next line end. */
static bool skip_line(struct jd_lines *lines, struct jd_error *err)
{
    for (;;) {
        const char *found = memchr(lines->bytes + lines->begin, '\n', lines->end - lines->begin);
        if (found != NULL) {
            lines->begin = (size_t)(found - lines->bytes) + 1;
            return true;
        }
        lines->begin = lines->end;
        if (lines->is_at_end) {
            return true;
        }
        if (!fill(lines, err)) {
            return false;
        }
    }
}

/* One line, blank ones too. */
static enum jd_line_kind next(struct jd_lines *lines, struct jd_str *text, struct jd_error *err)
{
    size_t searched = 0;
    for (;;) {
        char *start = lines->bytes + lines->begin;
        const size_t held = lines->end - lines->begin;
        const char *found = memchr(start + searched, '\n', held - searched);
        size_t size = found != NULL ? (size_t)(found - start) : held;
        searched = held;
        if (size > lines->line_size_max) {
            lines->number++;
            *text = (struct jd_str){0};
            return skip_line(lines, err) ? JD_LINE_TOO_LONG : JD_LINE_BROKEN;
        }
        if (found == NULL && !lines->is_at_end) {
            if (!fill(lines, err)) {
                return JD_LINE_BROKEN;
            }
            continue;
        }
        if (found == NULL && held == 0) {
            return JD_LINE_END;
        }
        lines->begin += size + (found != NULL ? 1 : 0);
        lines->number++;
        size -= size > 0 && start[size - 1] == '\r' ? 1 : 0;
        *text = (struct jd_str){start, (uint32_t)size};
        return JD_LINE_TEXT;
    }
}

enum jd_line_kind jd_lines_next(struct jd_lines *lines, struct jd_str *text, struct jd_error *err)
{
    enum jd_line_kind kind = JD_LINE_END;
    do {
        kind = next(lines, text, err);
    } while (kind == JD_LINE_TEXT && is_blank(*text));
    return kind;
}

bool jd_lines_begin(const struct jd_lines *lines, const char *bytes, size_t size)
{
    return lines->number == 0 && lines->begin == 0 && lines->end >= size &&
           memcmp(lines->bytes, bytes, size) == 0;
}

bool jd_lines_read(struct jd_lines *lines, void *bytes, size_t size, size_t *got, struct jd_error *err)
{
    *got = 0;
    while (*got < size) {
        const size_t held = lines->end - lines->begin;
        const size_t part = held < size - *got ? held : size - *got;
        memcpy((char *)bytes + *got, lines->bytes + lines->begin, part);
        lines->begin += part;
        *got += part;
        if (*got < size) {
            if (lines->is_at_end) {
                break;
            }
            if (!fill(lines, err)) {
                return false;
            }
        }
    }
    return true;
}

bool jd_lines_ended(struct jd_lines *lines, bool *ended, struct jd_error *err)
{
    if (lines->begin == lines->end && !lines->is_at_end && !fill(lines, err)) {
        return false;
    }
    *ended = lines->begin == lines->end;
    return true;
}

uint64_t jd_lines_number(const struct jd_lines *lines)
{
    return lines->number;
}

const char *jd_lines_path(const struct jd_lines *lines)
{
    return lines->path;
}

double jd_lines_share(const struct jd_lines *lines)
{
    return lines->file_size > 0 ? (double)gzoffset(lines->file) / (double)lines->file_size : -1;
}
