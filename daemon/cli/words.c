#include "cli/words.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/avro.h"
#include "base/buf.h"
#include "base/civil.h"
#include "base/contract.h"
#include "base/str.h"

struct jd_str jd_words_duration(int64_t ms, struct jd_arena *arena)
{
    static const struct {
        int64_t size;
        const char *name;
    } units[] = {{JD_DAY, "d"}, {JD_HOUR, "h"}, {JD_MINUTE, "min"}, {JD_SECOND, "s"}, {1, "ms"}};
    if (ms == 0) {
        return JD_STR("0 s");
    }
    struct jd_buf text;
    jd_buf_init(&text, arena);
    jd_buf_text(&text, ms < 0 ? "minus" : "");
    uint64_t left = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    for (size_t i = 0; i < JD_COUNT(units); i++) {
        const uint64_t size = (uint64_t)units[i].size;
        if (left >= size) {
            jd_buf_printf(&text, "%s%" PRIu64 " %s", text.size > 0 ? " " : "", left / size, units[i].name);
            left %= size;
        }
    }
    return jd_buf_done(&text);
}

struct jd_str jd_words_when(jd_time t, struct jd_arena *arena)
{
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    if (t < JD_TIME_MIN || t > JD_TIME_MAX) {
        return JD_STR("unknown time");
    }
    int64_t day = t / JD_DAY;
    int64_t ms = t % JD_DAY;
    if (ms < 0) {
        ms += JD_DAY;
        day--;
    }
    int year = 0;
    int month = 0;
    int date = 0;
    jd_civil_from_days(day, &year, &month, &date);
    const int64_t seconds = ms % JD_MINUTE;
    struct jd_buf text;
    jd_buf_init(&text, arena);
    jd_buf_printf(&text, "%d %s %d, %02" PRId64 ":%02" PRId64, date, months[month - 1], year, ms / JD_HOUR,
                  ms % JD_HOUR / JD_MINUTE);
    if (seconds != 0) {
        jd_buf_printf(&text, ":%02" PRId64, seconds / JD_SECOND);
        if (seconds % JD_SECOND != 0) {
            jd_buf_printf(&text, ".%03" PRId64, seconds % JD_SECOND);
        }
    }
    jd_buf_text(&text, " UTC");
    return jd_buf_done(&text);
}

struct jd_str jd_words_count(uint64_t count, struct jd_arena *arena)
{
    char digits[32];
    const int size = snprintf(digits, sizeof(digits), "%" PRIu64, count);
    struct jd_buf text;
    jd_buf_init(&text, arena);
    for (int i = 0; i < size; i++) {
        jd_buf_text(&text, i > 0 && (size - i) % 3 == 0 ? "," : "");
        jd_buf_byte(&text, (unsigned char)digits[i]);
    }
    return jd_buf_done(&text);
}

struct jd_str jd_words_measure(const struct jd_alert *alert, struct jd_decimal number, struct jd_arena *arena)
{
    const struct jd_event *events = alert->evidence.items;
    struct jd_str unit = jd_symbol_text(&jd_unit_symbols, alert->unit);
    if (number.scale == JD_DECIMAL_NONE) {
        return (struct jd_str){0};
    }
    if (alert->unit == JD_UNIT_MS && number.scale == 0) {
        return jd_words_duration(number.units, arena);
    }
    if (alert->unit == JD_UNIT_AMOUNT && alert->evidence.count > 0 && events[0].currency.ptr != NULL) {
        unit = events[0].currency;
    }
    return jd_arena_printf(arena, JD_STR_FMT " " JD_STR_FMT, JD_STR_ARG(jd_decimal_text(number, arena)),
                           JD_STR_ARG(unit));
}

struct jd_str jd_words_touch(const struct jd_event *event, struct jd_arena *arena)
{
    struct jd_buf text;
    jd_buf_init(&text, arena);
    jd_buf_str(&text, event->channel != JD_CHANNEL_NONE ? jd_symbol_text(&jd_channel_symbols, event->channel)
                      : event->type.ptr != NULL         ? event->type
                                                        : JD_STR("contact"));
    if (event->actor.role != JD_ROLE_NONE || event->actor.id.ptr != NULL) {
        jd_buf_text(&text, " by");
    }
    if (event->actor.role != JD_ROLE_NONE) {
        jd_buf_printf(&text, " " JD_STR_FMT, JD_STR_ARG(jd_symbol_text(&jd_role_symbols, event->actor.role)));
    }
    if (event->actor.id.ptr != NULL) {
        jd_buf_printf(&text, " " JD_STR_FMT, JD_STR_ARG(event->actor.id));
    }
    if (event->actor.team.ptr != NULL) {
        jd_buf_printf(&text, " of team " JD_STR_FMT, JD_STR_ARG(event->actor.team));
    }
    if (event->phase != JD_PHASE_NONE) {
        jd_buf_printf(&text, ", " JD_STR_FMT, JD_STR_ARG(jd_symbol_text(&jd_phase_symbols, event->phase)));
    }
    return jd_buf_done(&text);
}

jd_time jd_words_touch_time(const struct jd_event *event)
{
    return event->start != JD_TIME_NONE ? event->start : event->time;
}
