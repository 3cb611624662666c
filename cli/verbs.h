/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs, each in the file of its name. */
#ifndef KATA_LIKE_CLI_VERBS_H
#define KATA_LIKE_CLI_VERBS_H

#include "cli/cli.h"

extern const struct verb verb_attend;
extern const struct verb verb_check;
extern const struct verb verb_config;
extern const struct verb verb_create;
extern const struct verb verb_delete;
extern const struct verb verb_events;
extern const struct verb verb_exec;
extern const struct verb verb_help;
extern const struct verb verb_kill;
extern const struct verb verb_list;
extern const struct verb verb_logs;
extern const struct verb verb_pause;
extern const struct verb verb_ps;
extern const struct verb verb_resume;
extern const struct verb verb_run;
extern const struct verb verb_spec;
extern const struct verb verb_start;
extern const struct verb verb_state;
extern const struct verb verb_stats;
extern const struct verb verb_update;
extern const struct verb verb_version;
extern const struct verb verb_wait;

#endif
