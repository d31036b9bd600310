/* Episodes link alerts for people: within one key, the alerts that are held and share an engagement, directly or over
 * others, are one. Rules in mode shadow have episodes of their own. That an alert comes to belong to another episode is
 * told with its next revision; it makes none. */
#ifndef JOURNEYD_ENGINE_CONFLICTS_EPISODES_H
#define JOURNEYD_ENGINE_CONFLICTS_EPISODES_H

#include "engine/step.h"

/* The episode of an alert, whether the state holds it or no longer: 32 hex digits, which follow from the smallest
 * alert_id of the episode. Arena. Time grows with the evidence of all alerts of the key. */
struct jd_str jd_episode_of(const struct jd_step *step, const struct jd_alert *alert);

#endif
