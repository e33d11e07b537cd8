/* The coordinator's options. */
#include "coordinator/config.h"
#include "coordinator/metrics/allow.h"
#include "coordinator/notify/channel.h"
#include "coordinator/notify/rule.h"
#include "coordinator/store_uri.h"
#include "coordinator/web.h"

#include "base/duration.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/config_file.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "wire/lease.h"
#include "wire/limits.h"
#include "wire/link.h"
#include "wire/pki.h"
#include "wire/token.h"

#include <stddef.h>
#include <string.h>

#define SECOND_MS INT64_C(1000)
#define DAY_MS (INT64_C(86400) * SECOND_MS)
#define MIB (INT64_C(1) << 20)
#define GIB (INT64_C(1) << 30)

static int check_address(const char *value, struct err *e)
{
    char host[TOKEN_ADDRESS_SIZE];
    uint16_t port;
    return address_parse_peer(value, DEFAULT_PORT, host, sizeof host, &port, e);
}

/* A name, a port alone and `:7433` are what people write who think of other programs. */
static int check_own_address(const char *value, uint16_t usual, struct err *e)
{
    char host[TOKEN_ADDRESS_SIZE];
    uint16_t port;
    struct err why = {0};
    bool digits = *value && !value[strspn(value, "0123456789")];
    int rc = address_parse(value, usual, host, sizeof host, &port, &why);
    if (rc && !digits && !strchr(":*", *value)) return err_set(e, rc, "%s", err_text(&why));
    if (!rc && link_is_address(host)) return 0;
    return err_set(e, ERR_INVALID,
                   "'%s': an address of this host and a port are wanted, as in 127.0.0.1:%u; "
                   "0.0.0.0:%u is all IPv4 addresses, [::]:%u IPv6 and IPv4",
                   value, (unsigned)usual, (unsigned)usual, (unsigned)usual);
}

static int check_listen(const char *value, struct err *e)
{
    return check_own_address(value, DEFAULT_PORT, e);
}

static int check_web_listen(const char *value, struct err *e)
{
    return check_own_address(value, WEB_PORT, e);
}

static int check_host(const char *value, struct err *e)
{
    if (pki_name_valid(value)) return 0;
    return err_set(e, ERR_INVALID, "'%s' is neither a host's name nor an address", value);
}

static int check_network(const char *value, struct err *e)
{
    struct allow_net net;
    return allow_parse(value, &net, e);
}

static int check_group(const char *value, struct err *e)
{
    if (str_key_valid(value)) return 0;
    return err_set(e, ERR_INVALID,
                   "'%s': a group's key has 1 to 63 letters, digits, '_' and '-' and begins with a "
                   "letter or digit",
                   value);
}

static int check_rule(const struct json *rule, const void *config, const struct json **where,
                      struct err *e)
{
    return rule_check_channels(rule, ((const struct config *)config)->channels, where, e);
}

#define AT(field) offsetof(struct config, field)

const struct opt config_options[] = {
    {.flag = "config",
     .env = "CADRE_CONFIG",
     .type = OPT_STRING,
     .is_path = true,
     .offset = AT(config_path),
     .value_name = "FILE",
     .help = "configuration file"},
    {.flag = "state",
     .env = "CADRE_STATE",
     .type = OPT_STRING,
     .is_path = true,
     .offset = AT(state),
     .value_name = "DIR",
     .help = "folder for keys, certificates and the databases"},
    {.flag = "store",
     .env = "CADRE_STORE",
     .key = "store",
     .type = OPT_STRING,
     .offset = AT(store),
     .value_name = "STORE",
     .help = "where the queue is kept: sqlite, in the state folder (the default), or "
             "postgresql://USER@HOST/DATABASE; see docs/scale.md",
     .check = store_uri_check,
     .shown = store_uri_masked},
    {.env = "CADRE_STORE_PASSWORD_FILE",
     .key = "storePasswordFile",
     .type = OPT_STRING,
     .is_path = true,
     .offset = AT(store_password_file),
     .value_name = "FILE",
     .help = "its first line is the password of store; nobody else may read it"},
    {.flag = "listen",
     .env = "CADRE_LISTEN",
     .key = "listen",
     .type = OPT_STRING,
     .offset = AT(listen),
     .fallback = "0.0.0.0:7433",
     .value_name = "ADDR:PORT",
     .help = "address and port to listen on; port 0 lets the system choose",
     .check = check_listen},
    {.env = "CADRE_ADVERTISE",
     .key = "advertise",
     .type = OPT_LIST,
     .offset = AT(advertise),
     .value_name = "HOST:PORT",
     .help = "where agents and users reach this coordinator: goes into tokens and the certificate",
     .check = check_address},
    {.flag = "name",
     .env = "CADRE_NAMES",
     .key = "names",
     .type = OPT_LIST,
     .offset = AT(names),
     .value_name = "HOST",
     .help = "one more name or address of this host for the server certificate",
     .check = check_host},
    {.env = "CADRE_LEASE",
     .key = "lease",
     .type = OPT_DURATION,
     .offset = AT(lease_ms),
     .fallback = "5m",
     .min = LEASE_MIN_MS,
     .max = 30 * DAY_MS,
     .value_name = "D",
     .help = "how long an agent may be out of touch before its jobs are given up"},
    {.env = "CADRE_HEARTBEAT",
     .key = "heartbeat",
     .type = OPT_DURATION,
     .offset = AT(heartbeat_ms),
     .fallback = "10s",
     .min = HEARTBEAT_MIN_MS,
     .max = DAY_MS,
     .value_name = "D",
     .help = "how often an agent sends a heartbeat; at most a third of the lease"},
    {.env = "CADRE_RETENTION",
     .key = "retention",
     .type = OPT_DURATION,
     .offset = AT(retention_ms),
     .fallback = "7d",
     .min = 60 * SECOND_MS,
     .max = 3650 * DAY_MS,
     .value_name = "D",
     .help = "how long finished jobs and executions, and what is no longer used, are kept"},
    {.env = "CADRE_CERTIFICATE_LIFE",
     .key = "certificateLife",
     .type = OPT_DURATION,
     .offset = AT(certificate_life_ms),
     .fallback = "90d",
     .min = 10 * SECOND_MS,
     .max = 825 * DAY_MS,
     .value_name = "D",
     .help = "life of certificates; they are renewed after two thirds of it"},
    {.env = "CADRE_LIMITS_OUTPUT",
     .key = "limits.output",
     .type = OPT_SIZE,
     .offset = AT(output_limit_bytes),
     .fallback = "64MiB",
     .min = 1024,
     .max = 64 * GIB,
     .value_name = "SIZE",
     .help = "how much output of one job is kept"},
    {.env = "CADRE_LIMITS_PAYLOAD",
     .key = "limits.payload",
     .type = OPT_SIZE,
     .offset = AT(payload_limit_bytes),
     .fallback = "512KiB",
     .min = 1024,
     .max = LIMIT_PAYLOAD_MAX,
     .value_name = "SIZE",
     .help = "size of one job: command or script, environment and standard input"},
    {.env = "CADRE_LIMITS_AGENTS",
     .key = "limits.agents",
     .type = OPT_INT,
     .offset = AT(max_agents),
     .fallback = "20000",
     .min = 1,
     .max = 1000000,
     .value_name = "N",
     .help = "how many agents may be enrolled"},
    {.env = "CADRE_LIMITS_WEBHOOKS",
     .key = "limits.webhooks",
     .type = OPT_INT,
     .offset = AT(max_webhooks),
     .fallback = "1200",
     .min = 1,
     .max = 1000000,
     .value_name = "N",
     .help = "how many calls one webhook takes in a minute"},
    {.env = "CADRE_METRICS_ALLOW",
     .key = "metrics.allow",
     .type = OPT_LIST,
     .offset = AT(metrics_allow),
     .value_name = "NET",
     .help = "network or address that may read /metrics without a token",
     .check = check_network},
    {.env = "CADRE_WEB_LISTEN",
     .key = "web.listen",
     .type = OPT_STRING,
     .offset = AT(web_listen),
     .value_name = "ADDR:PORT",
     .help = "a second port for the page and the API, with a certificate of one's own",
     .check = check_web_listen},
    {.env = "CADRE_WEB_CERTIFICATE",
     .key = "web.certificate",
     .type = OPT_STRING,
     .is_path = true,
     .offset = AT(web_certificate),
     .value_name = "FILE",
     .help = "its certificate and those between it and its root; read again when it changes"},
    {.env = "CADRE_WEB_KEY",
     .key = "web.key",
     .type = OPT_STRING,
     .is_path = true,
     .offset = AT(web_key),
     .value_name = "FILE",
     .help = "the key of web.certificate: RSA, or EC on P-256 or P-384"},
    {.env = "CADRE_WEB_FORWARDED_FOR",
     .key = "web.forwardedFor",
     .type = OPT_LIST,
     .offset = AT(forwarded_for),
     .value_name = "NET",
     .help = "network or address of a proxy whose X-Forwarded-For is believed",
     .check = check_network},
    {.key = "channels",
     .type = OPT_TREE,
     .offset = AT(channels),
     .help = "where word of what happened goes: web hooks, mail, commands; see docs/notify.md",
     .check_member = channel_check},
    {.key = "notify",
     .type = OPT_TREE,
     .offset = AT(rules),
     .help = "which channels are told of what; see docs/notify.md",
     .check_member = rule_check,
     .check_beside = check_rule},
    {.env = "CADRE_TIMEZONE",
     .key = "timezone",
     .type = OPT_STRING,
     .offset = AT(timezone),
     .fallback = "UTC",
     .value_name = "ZONE",
     .help = "time zone of schedules that name none: Europe/Berlin, UTC or +02:00"},
    {.env = "CADRE_ZONEINFO",
     .key = "zoneinfo",
     .type = OPT_STRING,
     .is_path = true,
     .offset = AT(zoneinfo),
     .value_name = "DIR",
     .help = "folder of time zone files; default: the system's"},
    {.flag = "log-level",
     .env = "CADRE_LOG_LEVEL",
     .key = "logLevel",
     .type = OPT_STRING,
     .offset = AT(log_level),
     .fallback = "info",
     .value_name = "L",
     .help = "error, warn, info or debug",
     .check = log_level_check},
    {.flag = "group",
     .type = OPT_LIST,
     .offset = AT(groups),
     .value_name = "K",
     .help = "a worker group to make, with one more agent in it",
     .check = check_group},
    {.flag = "once",
     .type = OPT_BOOL,
     .offset = AT(once),
     .help = "do nothing and print nothing where a coordinator is initialised already"},
    {.flag = "force",
     .type = OPT_BOOL,
     .offset = AT(force),
     .help = "replace a file that is not a backup"},
    {.flag = "to",
     .type = OPT_STRING,
     .offset = AT(to),
     .value_name = "URI|sqlite",
     .help = "where the queue goes: a URI as of store, or the files of the state folder",
     .check = store_uri_check,
     .shown = store_uri_masked},
    {.flag = "without-output",
     .type = OPT_BOOL,
     .offset = AT(without_output),
     .help = "begin a new output.db where it is missing or not the one of cadre.db"},
};
const size_t config_option_count = sizeof config_options / sizeof *config_options;

enum opt_source config_source(const struct config *c, const char *env)
{
    for (size_t i = 0; i < c->set.count; i++)
        if (str_eq(c->set.table[i].env, env)) return c->set.sources[i];
    return OPT_FROM_DEFAULT;
}

/* All three, or none. */
static int check_web(const struct config *c, struct err *e)
{
    const char *set = c->web_listen        ? "web.listen"
                      : c->web_certificate ? "web.certificate"
                      : c->web_key         ? "web.key"
                                           : NULL;
    const char *missing = !c->web_listen        ? "web.listen"
                          : !c->web_certificate ? "web.certificate"
                          : !c->web_key         ? "web.key"
                                                : NULL;
    if (!set || !missing) return 0;
    return err_set(e, ERR_INVALID,
                   "%s is set, but %s is not: a port of its own wants web.listen, web.certificate "
                   "and web.key",
                   set, missing);
}

static void drop(char **text)
{
    mem_free(*text);
    *text = NULL;
}

/* SQLite is told by NULL. A flag that says so means the password of file or environment, too. */
static int check_store(struct config *c, struct err *e)
{
    if (str_eq(c->store, STORE_SQLITE)) {
        drop(&c->store);
        if (config_source(c, "CADRE_STORE") == OPT_FROM_FLAG) drop(&c->store_password_file);
    }
    if (!c->store_password_file) return 0;
    if (!c->store)
        return err_set(e, ERR_INVALID,
                       "storePasswordFile is set, and store is not a postgresql:// URI: SQLite has "
                       "no password. To move the queue there, name the database in both, store and "
                       "--to of migrate-store");
    if (!store_uri_has_password(c->store)) return 0;
    return err_set(
        e, ERR_INVALID,
        "there is a password in store, and storePasswordFile: take the one in store out");
}

/* Checks that concern several settings. */
static int check_together(struct config *c, struct err *e)
{
    int64_t third = lease_heartbeat_ms(c->lease_ms);
    if (c->heartbeat_ms > third) {
        if (config_source(c, "CADRE_HEARTBEAT") == OPT_FROM_DEFAULT) {
            c->heartbeat_ms = third;
        } else {
            char beat[DURATION_TEXT_SIZE], lease[DURATION_TEXT_SIZE];
            duration_format(c->heartbeat_ms, beat);
            duration_format(c->lease_ms, lease);
            return err_set(e, ERR_INVALID,
                           "heartbeat is %s, but must be at most a third of the lease (%s)", beat,
                           lease);
        }
    }
    if (json_count(c->channels) > CHANNELS_MAX)
        return err_set(e, ERR_INVALID, "channels: there are more than %d", CHANNELS_MAX);
    if (json_count(c->rules) > RULES_MAX)
        return err_set(e, ERR_INVALID, "notify: there are more than %d rules", RULES_MAX);
    int rc = check_web(c, e);
    if (!rc) rc = check_store(c, e);
    if (rc) return rc;
    char host[TOKEN_ADDRESS_SIZE];
    uint16_t port;
    return address_parse(c->listen, DEFAULT_PORT, host, sizeof host, &port, e);
}

/* What is wrong with one part does not hide the next when all problems are collected. */
static int load(struct config *c, int argc, char **argv, struct opt_args *args, struct err *e)
{
    struct err first = {0};
    int rc = opt_parse_args(&c->set, argc, argv, args, e);
    if (rc || args->help) return rc;
    rc = opt_parse_env(&c->set, os_env, NULL, e);
    if (rc && !c->set.problems) return rc;
    if (rc) first = *e;
    bool named = c->config_path != NULL;
    if (!named) c->config_path = paths_coordinator_config();
    if (!c->state) c->state = paths_coordinator_state();
    rc = config_file_load(&c->set, c->config_path, named, e);
    if (!rc) {
        rc = check_together(c, e);
        if (rc) (void)opt_goes_on(&c->set, e);
    }
    if (rc || !first.code) return rc;
    *e = first;
    return first.code;
}

int config_check(struct config *c, int argc, char **argv, struct opt_args *args,
                 struct buf *problems, struct err *e)
{
    *c = (struct config){0};
    opt_init(&c->set, config_options, config_option_count, c);
    c->set.problems = problems;
    int rc = load(c, argc, argv, args, e);
    c->set.problems = NULL;
    if (rc) {
        config_fini(c);
        return rc;
    }
    if (args->help) return 0;
    enum log_level level = LOG_INFO;
    (void)log_level_parse(c->log_level, &level, NULL);
    log_set_level(level);
    return 0;
}

int config_load(struct config *c, int argc, char **argv, struct opt_args *args, struct err *e)
{
    return config_check(c, argc, argv, args, NULL, e);
}

void config_fini(struct config *c)
{
    opt_fini(&c->set);
    *c = (struct config){0};
}
