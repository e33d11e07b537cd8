/* coordinator.yaml, its flags and environment variables (design 2). */
#ifndef CADRE_COORDINATOR_CONFIG_H
#define CADRE_COORDINATOR_CONFIG_H

#include "base/err.h"
#include "base/opt.h"

#include <stdbool.h>
#include <stdint.h>

struct config {
    char *config_path;
    char *state;                    /* never NULL after config_load */
    char *store;                    /* a checked postgresql:// URI; NULL: SQLite */
    char *store_password_file;      /* NULL: none; else `store` is there, without a password */
    char *listen;                   /* "ADDR:PORT", ADDR an IPv4 or IPv6 literal */
    struct opt_list advertise;      /* "host[:port]": into tokens and the server certificate */
    struct opt_list names;          /* more names of the server certificate */
    int64_t lease_ms, heartbeat_ms; /* heartbeat <= lease / 3 */
    int64_t retention_ms;
    int64_t certificate_life_ms;
    int64_t output_limit_bytes, payload_limit_bytes;
    int64_t max_agents;
    int64_t max_webhooks;            /* calls of one webhook in a minute */
    struct opt_list metrics_allow;   /* networks that read the metrics without a token */
    char *web_listen;                /* a second port, for page and API; NULL: none */
    char *web_certificate, *web_key; /* its files; both NULL, or none */
    struct opt_list forwarded_for;   /* proxies whose X-Forwarded-For is believed */
    struct json *channels;           /* notify/channel.h, each checked; NULL: none */
    struct json *rules;              /* notify/rule.h, each checked; NULL: none */
    char *timezone; /* of schedules that name none; zone_files.h checks that there is one */
    char *zoneinfo; /* folder of zone files; NULL: the system's */
    char *log_level;
    struct opt_list groups; /* `dev` only: worker groups to make */
    bool once;              /* `init` only */
    bool force;             /* `backup` only */
    char *to;               /* `migrate-store` only: as of `store`; NULL: not given */
    bool without_output;    /* `run` only */

    struct opt_set set; /* who set what; filled by config_load */
};

extern const struct opt config_options[]; /* the last five rows are for one command each */
extern const size_t config_option_count;

/* Flags, then environment, then file (a missing file is fine unless it was named), then defaults
 * and the checks across settings. args tells what is left of argv; when its `help` is set
 * nothing but the flags was read. On failure *c needs no fini. */
int config_load(struct config *c, int argc, char **argv, struct opt_args *args, struct err *e);
/* The same, but collects all problems of environment and file, a line each (opt.h); when it fails
 * and there are none, e tells. */
int config_check(struct config *c, int argc, char **argv, struct opt_args *args,
                 struct buf *problems, struct err *e);
void config_fini(struct config *c);
/* Who set the option of this environment variable. */
enum opt_source config_source(const struct config *c, const char *env);

#endif
