/* agent.yaml: the option table, and the careful edit that `join` makes. */
#include "agent/config.h"

#include "base/escape.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/yaml.h"
#include "platform/config_file.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "wire/limits.h"
#include "wire/token.h"

#include <stddef.h>
#include <string.h>

static int check_key(const char *key, struct err *e)
{
    if (str_key_valid(key)) return 0;
    return err_set(e, ERR_INVALID,
                   "a group's key has 1 to 63 letters, digits, '_' and '-', and begins with a "
                   "letter or digit");
}

/* The keys of a text with commas between. *keys: LIMIT_GROUPS + 1 of them at most, for mem_free. */
static size_t split_keys(const char *text, char **keys)
{
    size_t count = 0;
    for (const char *at = text; at && count <= LIMIT_GROUPS;) {
        size_t len = strcspn(at, ",");
        char *item = mem_strndup(at, len);
        keys[count++] = mem_strdup(str_trim(item));
        mem_free(item);
        at = at[len] ? at + len + 1 : NULL;
    }
    return count;
}

/* Each key once, and not too many. */
static int check_keys(char *const *keys, size_t count, struct err *e)
{
    if (count > LIMIT_GROUPS)
        return err_set(e, ERR_INVALID, "an agent serves at most %d groups", LIMIT_GROUPS);
    for (size_t i = 0; i < count; i++) {
        int rc = check_key(keys[i], e);
        for (size_t k = 0; k < i && rc == 0; k++)
            if (str_eq(keys[i], keys[k]))
                rc = err_set(e, ERR_INVALID, "'%s' is named twice", keys[i]);
        if (rc) return rc;
    }
    return 0;
}

static int check_group(const char *value, struct err *e)
{
    char *keys[LIMIT_GROUPS + 1];
    size_t count = split_keys(value, keys);
    int rc = check_keys(keys, count, e);
    for (size_t i = 0; i < count; i++)
        mem_free(keys[i]);
    return rc;
}

static int check_name(const char *value, struct err *e)
{
    return str_name_check(value, e);
}

/* "key=value" */
static int check_label(const char *pair, struct err *e)
{
    return escape_check(pair, e);
}

static int check_address(const char *value, struct err *e)
{
    char host[TOKEN_ADDRESS_SIZE];
    uint16_t port;
    return address_parse_peer(value, DEFAULT_PORT, host, sizeof host, &port, e);
}

static int check_metrics_file(const char *path, struct err *e)
{
    if (str_ends(path, ".prom")) return 0;
    return err_set(e, ERR_INVALID,
                   "has to end with .prom: collectors of text files read no others");
}

#define AT(field) offsetof(struct agent_config, field)

const struct opt agent_options[AGENT_OPTIONS] = {
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
     .help = "folder for identity, journal and work folders"},
    {.env = "CADRE_COORDINATOR",
     .key = "coordinator",
     .type = OPT_LIST,
     .offset = AT(coordinator),
     .value_name = "HOST:PORT",
     .help = "where the coordinator is; written by join",
     .check = check_address},
    {.flag = "worker-group",
     .env = "CADRE_GROUP",
     .key = "group",
     .type = OPT_STRING,
     .offset = AT(group),
     .value_name = "K",
     .help = "worker group to join, several with commas between; default: default, the group of "
             "those that name none",
     .check = check_group},
    {.key = "groups",
     .type = OPT_LIST,
     .offset = AT(groups),
     .value_name = "K",
     .help = "the worker groups to join, when there are several, instead of group",
     .check = check_key},
    {.flag = "name",
     .env = "CADRE_NAME",
     .key = "name",
     .type = OPT_STRING,
     .offset = AT(name),
     .value_name = "N",
     .help = "the agent's name, unique at its coordinator; default: the host's name",
     .check = check_name},
    {.flag = "slots",
     .env = "CADRE_SLOTS",
     .key = "slots",
     .type = OPT_INT,
     .offset = AT(slots),
     .min = 1,
     .max = LIMIT_SLOTS,
     .value_name = "N",
     .help = "how many jobs may run at a time; default: the number of processors"},
    {.flag = "label",
     .env = "CADRE_LABELS",
     .key = "labels",
     .type = OPT_MAP,
     .offset = AT(labels),
     .value_name = "K=V",
     .check = check_label,
     .help = "label that jobs can require as label.K"},
    {.key = "drainTimeout",
     .env = "CADRE_DRAIN_TIMEOUT",
     .type = OPT_DURATION,
     .offset = AT(drain_timeout_ms),
     .fallback = "5m",
     .min = 0,
     .max = INT64_C(86400000) * 7,
     .value_name = "D",
     .help = "how long running jobs may go on when the agent is stopped"},
    {.key = "diskReserve",
     .env = "CADRE_DISK_RESERVE",
     .type = OPT_SIZE,
     .offset = AT(disk_reserve_bytes),
     .fallback = "64MiB",
     .min = 0,
     .max = INT64_C(1) << 40,
     .value_name = "SIZE",
     .help =
         "while the state folder's disk has less free space, take no jobs and hold output back"},
    {.key = "env",
     .type = OPT_MAP,
     .offset = AT(env),
     .value_name = "K=V",
     .help = "environment given to every job"},
    {.flag = "log-level",
     .env = "CADRE_LOG_LEVEL",
     .key = "logLevel",
     .type = OPT_STRING,
     .offset = AT(log_level),
     .fallback = "info",
     .value_name = "L",
     .help = "error, warn, info or debug",
     .check = log_level_check},
    {.key = "metrics.file",
     .env = "CADRE_METRICS_FILE",
     .type = OPT_STRING,
     .is_path = true,
     .offset = AT(metrics_file),
     .value_name = "FILE",
     .help = "where metrics are written for a collector of text files; ends with .prom",
     .check = check_metrics_file},
    {.flag = "replace",
     .type = OPT_BOOL,
     .offset = AT(replace),
     .help = "take over the name of an agent that is known already, or join anew"},
    {.flag = "no-start",
     .type = OPT_BOOL,
     .offset = AT(no_start),
     .help = "do not start the installed service"},
    {.flag = "account",
     .type = OPT_STRING,
     .offset = AT(account),
     .value_name = "A",
     .help = "the account that the service runs as; default: an account of its own"},
    {.flag = "password-file",
     .type = OPT_STRING,
     .is_path = true,
     .offset = AT(password_file),
     .value_name = "FILE",
     .help = "its first line is the account's password; -: standard input"},
};

static enum opt_source source_of(const struct agent_config *c, const char *key)
{
    for (size_t i = 0; i < c->set.count; i++)
        if (str_eq(c->set.table[i].key, key)) return c->set.sources[i];
    return OPT_FROM_DEFAULT;
}

/* The file may name its groups in one way, and once. */
static int check_groups(const struct agent_config *c, struct err *e)
{
    if (source_of(c, "groups") == OPT_FROM_DEFAULT) return 0;
    if (source_of(c, "group") == OPT_FROM_FILE)
        return err_set(e, ERR_INVALID,
                       "%s: 'group' and 'groups' are both there: put the key of 'group' first into "
                       "'groups', and take 'group' out",
                       c->config_path);
    if (c->groups.count == 0)
        return err_set(e, ERR_INVALID, "%s: 'groups' names none: take it out for the default group",
                       c->config_path);
    int rc = check_keys(c->groups.items, c->groups.count, e);
    return rc ? err_wrap(e, "%s: groups", c->config_path) : 0;
}

/* What is wrong with one part does not hide the next when all problems are collected. */
static int load(struct agent_config *c, int argc, char **argv, struct opt_args *args, struct err *e)
{
    struct err first = {0};
    int rc = opt_parse_args(&c->set, argc, argv, args, e);
    if (rc != 0 || args->help) return rc;
    rc = opt_parse_env(&c->set, os_env, NULL, e);
    if (rc != 0 && !c->set.problems) return rc;
    if (rc != 0) first = *e;
    /* A file that was named must exist, except for `join`, which makes the file. */
    bool named = c->config_path != NULL && !str_ends(argv[0], "join");
    if (!c->config_path) c->config_path = paths_agent_config();
    rc = config_file_load(&c->set, c->config_path, named, e);
    if (!c->state) c->state = paths_agent_state();
    if (rc == 0 && c->labels.count > LIMIT_LABELS) {
        rc = err_set(e, ERR_INVALID, "%s: %zu labels are more than the %d that an agent may have",
                     c->config_path, c->labels.count, LIMIT_LABELS);
        (void)opt_goes_on(&c->set, e);
    }
    if (rc == 0) {
        rc = check_groups(c, e);
        if (rc != 0) (void)opt_goes_on(&c->set, e);
    }
    if (rc != 0 || first.code == 0) return rc;
    *e = first;
    return first.code;
}

int agent_config_check(struct agent_config *c, int argc, char **argv, struct opt_args *args,
                       struct buf *problems, struct err *e)
{
    memset(c, 0, sizeof *c);
    opt_init(&c->set, agent_options, AGENT_OPTIONS, c);
    c->set.problems = problems;
    int rc = load(c, argc, argv, args, e);
    c->set.problems = NULL;
    if (rc != 0 || args->help) opt_fini(&c->set);
    return rc;
}

int agent_config_load(struct agent_config *c, int argc, char **argv, struct opt_args *args,
                      struct err *e)
{
    return agent_config_check(c, argc, argv, args, NULL, e);
}

/* ---- reading the file again ---- */

static bool is_live(const struct opt *o)
{
    static const char *const keys[] = {"slots", "labels", "drainTimeout", "diskReserve", "env"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (str_eq(o->key, keys[i])) return true;
    return false;
}

/* Of the types that settings of agent.yaml have. */
static size_t size_of(enum opt_type type)
{
    switch (type) {
    case OPT_STRING:
        return sizeof(char *);
    case OPT_BOOL:
        return sizeof(bool);
    case OPT_LIST:
        return sizeof(struct opt_list);
    case OPT_MAP:
        return sizeof(struct opt_map);
    default:
        return sizeof(int64_t);
    }
}

static bool same_list(const struct opt_list *a, const struct opt_list *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = str_eq(a->items[i], b->items[i]);
    return same;
}

static bool same_map(const struct opt_map *a, const struct opt_map *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = str_eq(a->items[i].key, b->items[i].key) &&
               str_eq(a->items[i].value, b->items[i].value);
    return same;
}

static bool same_value(enum opt_type type, const void *a, const void *b)
{
    switch (type) {
    case OPT_STRING: {
        const char *x = *(char *const *)a, *y = *(char *const *)b;
        return x && y ? str_eq(x, y) : x == y;
    }
    case OPT_LIST:
        return same_list(a, b);
    case OPT_MAP:
        return same_map(a, b);
    default:
        return memcmp(a, b, size_of(type)) == 0;
    }
}

static void swap(void *a, void *b, size_t size)
{
    char room[sizeof(struct opt_map)];
    memcpy(room, a, size);
    memcpy(a, b, size);
    memcpy(b, room, size);
}

void agent_config_take(struct agent_config *c, struct agent_config *fresh, struct buf *others)
{
    for (const struct opt *o = agent_options; o < agent_options + AGENT_OPTIONS; o++) {
        void *now = (char *)c + o->offset, *next = (char *)fresh + o->offset;
        if (!o->key) continue;
        if (is_live(o))
            swap(now, next, size_of(o->type));
        else if (!same_value(o->type, now, next))
            (void)buf_addf(others, "%s%s", others->len > 0 ? ", " : "", o->key);
    }
}

bool agent_config_given(const struct agent_config *c, const char *key)
{
    return source_of(c, key) >= OPT_FROM_ENV;
}

void agent_config_fini(struct agent_config *c)
{
    opt_fini(&c->set);
}

/* What the command line or the environment says counts before the list of the file. */
void agent_config_groups(const struct agent_config *c, struct agent_groups *out)
{
    struct buf list, names;
    struct jw w;
    *out = (struct agent_groups){0};
    if (c->group) out->count = split_keys(c->group, out->keys);
    for (size_t i = 0; !c->group && i < c->groups.count; i++)
        out->keys[out->count++] = mem_strdup(c->groups.items[i]);
    buf_init(&list, LIMIT_GROUPS * (LIMIT_GROUP_KEY + 8));
    buf_init(&names, LIMIT_GROUPS * (LIMIT_GROUP_KEY + 8));
    jw_init(&w, &list);
    jw_array(&w, NULL);
    for (size_t i = 0; i < out->count; i++) {
        jw_str(&w, NULL, out->keys[i]);
        (void)buf_addf(&names, "%s%s", i > 0 ? "," : "", out->keys[i]);
    }
    jw_end(&w);
    if (out->count == 0) (void)buf_adds(&names, STR_DEFAULT_GROUP);
    if (out->count > 1) out->list = mem_strdup(list.data);
    out->names = buf_detach(&names);
    buf_fini(&list);
    buf_fini(&names);
}

void agent_groups_fini(struct agent_groups *g)
{
    for (size_t i = 0; i < g->count; i++)
        mem_free(g->keys[i]);
    mem_free(g->list);
    mem_free(g->names);
    *g = (struct agent_groups){0};
}

char *agent_config_name(const struct agent_config *c)
{
    if (c->name) return mem_strdup(c->name);
    char host[LIMIT_NAME + 1];
    if (os_hostname(host, sizeof host) != 0 || !str_name_valid(host)) return mem_strdup("agent");
    return mem_strdup(host);
}

int64_t agent_config_slots(const struct agent_config *c)
{
    if (c->slots > 0) return c->slots;
    int cpus = os_cpu_count();
    return cpus < 1 ? 1 : cpus > LIMIT_SLOTS ? LIMIT_SLOTS : cpus;
}

/* Double-quoted YAML is JSON's string syntax. */
static int add_quoted(struct buf *out, const char *s)
{
    struct jw w;
    jw_init(&w, out);
    jw_str(&w, NULL, s);
    return jw_finish(&w);
}

static int add_map(struct buf *out, const struct opt_map *map)
{
    int rc = buf_addc(out, '{');
    for (size_t i = 0; rc == 0 && i < map->count; i++) {
        if (i > 0) rc = buf_adds(out, ", ");
        if (rc == 0) rc = add_quoted(out, map->items[i].key);
        if (rc == 0) rc = buf_adds(out, ": ");
        if (rc == 0) rc = add_quoted(out, map->items[i].value);
    }
    return rc == 0 ? buf_adds(out, "}\n") : rc;
}

static int add_setting(struct buf *out, const struct config_edit *edit)
{
    if (edit->drop) return 0;
    int rc = buf_addf(out, "%s: ", edit->key);
    if (rc == 0 && edit->map) return add_map(out, edit->map);
    if (rc == 0 && edit->number) return buf_addf(out, "%s\n", edit->values[0]);
    if (rc == 0 && edit->count != 1) rc = buf_addc(out, '[');
    for (size_t i = 0; rc == 0 && i < edit->count; i++) {
        if (i > 0) rc = buf_adds(out, ", ");
        if (rc == 0) rc = add_quoted(out, edit->values[i]);
    }
    if (rc == 0 && edit->count != 1) rc = buf_addc(out, ']');
    return rc == 0 ? buf_addc(out, '\n') : rc;
}

static bool changes(const struct config_edit *edit)
{
    return edit->values || edit->map || edit->drop;
}

/* Does this line begin the top-level setting `key`, or "key"? */
static bool line_sets(const char *line, size_t len, const char *key)
{
    size_t n = strlen(key), quote = *line == '"' || *line == '\'';
    if (len <= n + 2 * quote || memcmp(line + quote, key, n) != 0) return false;
    if (quote && line[n + 1] != *line) return false;
    const char *end = line + n + 2 * quote;
    return *end == ':' && (!end[1] || strchr(" \t\r\n", end[1]));
}

/* Does the value of a line before go on here: indented, with an item of a block list, or behind
 * blank lines and comments? */
static bool value_goes_on(const char *line)
{
    size_t i = strspn(line, " \t");
    while (line[i] && strchr("\r\n#", line[i])) {
        line += strcspn(line, "\n");
        line += *line == '\n';
        i = strspn(line, " \t");
    }
    if (!line[i]) return false;
    return i > 0 || (line[0] == '-' && line[1] == ' ') || line[0] == ']' || line[0] == '}';
}

/* The lines are edited without knowing all of YAML: what came of it has to be read. */
static int check_edited(const char *path, const struct config_edit *edits, size_t count,
                        const struct buf *text, struct err *e)
{
    struct yaml_doc doc = {0};
    struct err why = {0};
    int rc = yaml_parse(path, text->data, text->len, &doc, &why);
    for (size_t i = 0; rc == 0 && i < count; i++)
        if (changes(&edits[i]) && edits[i].drop == (json_get(doc.root, edits[i].key) != NULL))
            rc = err_set(&why, ERR_INVALID, "%s: '%s' cannot be set", path, edits[i].key);
    yaml_doc_fini(&doc);
    if (rc == 0) return 0;
    return err_set(e, ERR_INVALID,
                   "%s: settings cannot be written into this file as it is: write it in lines "
                   "'key: value' that begin at the left, or name another file with --config",
                   path);
}

static int edit_lines(const char *text, const struct config_edit *edits, size_t count,
                      struct buf *out)
{
    bool done[16] = {false};
    bool dropping = false;
    int rc = count <= sizeof done ? 0 : ERR_INVALID;
    for (const char *line = text; rc == 0 && *line;) {
        const char *end = strchr(line, '\n');
        size_t len = end ? (size_t)(end - line) + 1 : strlen(line);
        if (!dropping || !value_goes_on(line)) {
            dropping = false;
            for (size_t i = 0; rc == 0 && !dropping && i < count; i++) {
                if (!changes(&edits[i]) || !line_sets(line, len, edits[i].key)) continue;
                dropping = true;
                if (!done[i]) rc = add_setting(out, &edits[i]);
                done[i] = true;
            }
            if (rc == 0 && !dropping) rc = buf_add(out, line, len);
        }
        line += len;
    }
    if (rc == 0 && out->len > 0 && out->data[out->len - 1] != '\n') rc = buf_addc(out, '\n');
    for (size_t i = 0; rc == 0 && i < count; i++)
        if (changes(&edits[i]) && !done[i]) rc = add_setting(out, &edits[i]);
    return rc;
}

int config_text_edit(const char *path, const char *text, const struct config_edit *edits,
                     size_t count, struct buf *out, struct err *e)
{
    if (edit_lines(text, edits, count, out) != 0)
        return err_set(e, ERR_TOO_LARGE, "%s: the file would grow too large", path);
    return check_edited(path, edits, count, out, e);
}
