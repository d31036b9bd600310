/* Who may see what: the one projection of what goes to readers on one side of the medical wall.
 *
 *   alert ──► whose alert is it? (jd_alert_audience) ──► for each of these: jd_audience_alert ──► its topic
 *   touch that a trigger is about ──► the colleague's contact: jd_audience_event ──► the trigger's reasons
 *
 * Readers see their own side's contacts whole. Of the other side's they see what one table in audiences.c says, of
 * which policies are held to the same (policy/audiences.c). What the table does not name nobody sees. */
#ifndef JOURNEYD_ENGINE_AUDIENCES_H
#define JOURNEYD_ENGINE_AUDIENCES_H

#include "base/arena.h"
#include "engine/program.h"

/* Whose an act of this role is: what nobody medical does is the commercial side's; of an unknown role it is nobody's,
 * NONE. */
enum jd_audience jd_role_audience(enum jd_role role);

/* Whom an alert is told beside compliance: those who may know its key and of whose side one of its contacts is;
 * where it names no contact, those whose side alone the rule asks for. Rules in mode shadow: nobody. */
enum jd_audience jd_alert_audience(const struct jd_rule *rule, const struct jd_alert *alert);

/* What readers of `audience`, commercial or medical, may see. Strings and lists are borrowed from the argument. */
struct jd_event jd_audience_event(enum jd_audience audience, const struct jd_event *event,
                                  struct jd_arena *arena);
struct jd_alert jd_audience_alert(enum jd_audience audience, const struct jd_alert *alert,
                                  struct jd_arena *arena);

/* Is a selector about contacts of one side only? */
bool jd_audience_only(enum jd_audience audience, const struct jd_selector *selector);
/* May readers see a field of jd_event_record (its index) of a contact that is not their side's? */
bool jd_audience_sees_field(enum jd_audience audience, uint32_t field);

#endif
