/* The installer's work on this machine: see setup.h. */
#include "agent/setup.h"

#include "agent/config.h"
#include "agent/identity.h"
#include "agent/join.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/paths.h"
#include "platform/service_admin.h"
#include "platform/state_folder.h"
#include "platform/text_file.h"
#include "wire/pki.h"

#include <stdio.h>
#include <string.h>

#define WISH_MAX_BYTES (64u * 1024)
#define STOP_MARGIN_MS 30000 /* beyond drainTimeout: for killGrace and the last results */

static void say(const char *word, const char *text)
{
    printf("%s %s\n", word, text);
    fflush(stdout);
}

/* ---- agent.yaml ---- */

/* The installer's property for a key. */
static const struct {
    const char *key, *property, *member;
} properties[] = {{"coordinator", "COORDINATOR", "coordinator"},
                  {"group", "GROUP", "group"},
                  {"name", "NAME", "name"},
                  {"slots", "SLOTS", "slots"},
                  {"labels", "LABELS", "labels"}};

static const char *property_value(const char *property, void *user)
{
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++)
        if (str_eq(properties[i].property, property))
            return json_get_str(user, properties[i].member, NULL);
    return NULL;
}

/* The agent's own table with the properties in place of the environment: the same checks, and
 * messages that name them. */
static struct opt *property_table(void)
{
    struct opt *table = mem_dup(agent_options, AGENT_OPTIONS * sizeof *table);
    for (size_t row = 0; row < AGENT_OPTIONS; row++) {
        table[row].env = NULL;
        for (size_t i = 0; i < sizeof properties / sizeof *properties; i++)
            if (table[row].key && str_eq(table[row].key, properties[i].key))
                table[row].env = properties[i].property;
    }
    return table;
}

/* JSON in one line is YAML in one line. */
static void add_list(struct buf *out, const char *key, const struct opt_list *list)
{
    struct jw w;
    if (list->count == 0) return;
    buf_addf(out, "%s: ", key);
    jw_init(&w, out);
    jw_array(&w, NULL);
    for (size_t i = 0; i < list->count; i++)
        jw_str(&w, NULL, list->items[i]);
    jw_end(&w);
    buf_addc(out, '\n');
}

static void add_map(struct buf *out, const char *key, const struct opt_map *map)
{
    if (map->count == 0) return;
    buf_addf(out, "%s:\n", key);
    for (size_t i = 0; i < map->count; i++) {
        struct jw w;
        buf_adds(out, "  ");
        jw_init(&w, out);
        jw_str(&w, NULL, map->items[i].key);
        buf_adds(out, ": ");
        jw_init(&w, out);
        jw_str(&w, NULL, map->items[i].value);
        buf_addc(out, '\n');
    }
}

static void add_text(struct buf *out, const char *key, const char *value)
{
    struct jw w;
    if (!value) return;
    buf_addf(out, "%s: ", key);
    jw_init(&w, out);
    jw_str(&w, NULL, value);
    buf_addc(out, '\n');
}

/* Makes agent.yaml from the properties; ERR_INVALID names the property. Pure. */
static int config_text(const struct json *wish, struct buf *out, struct err *e)
{
    struct agent_config c = {0};
    struct opt *table = property_table();
    opt_init(&c.set, table, AGENT_OPTIONS, &c);
    int rc = opt_parse_env(&c.set, property_value, (void *)(uintptr_t)wish, e);
    if (rc == 0) {
        buf_adds(out,
                 "# Written by the installer from its properties; the installer never changes this "
                 "file again.\n"
                 "# The guide lists all settings. The agent reads this file at every start.\n");
        add_list(out, "coordinator", &c.coordinator);
        struct agent_groups groups;
        agent_config_groups(&c, &groups);
        if (groups.count > 1)
            buf_addf(out, "groups: %s\n", groups.list);
        else
            add_text(out, "group", c.group);
        agent_groups_fini(&groups);
        add_text(out, "name", c.name);
        if (c.slots > 0) buf_addf(out, "slots: %lld\n", (long long)c.slots);
        add_map(out, "labels", &c.labels);
    }
    agent_config_fini(&c);
    mem_free(table);
    return rc;
}

static int seed_config(const char *path, const struct json *wish, struct err *e)
{
    if (file_exists(path)) {
        for (size_t i = 0; i < sizeof properties / sizeof *properties; i++) {
            if (str_empty(json_get_str(wish, properties[i].member, NULL))) continue;
            char *line = str_dupf("%s is there and stays as it is; %s is not used", path,
                                  properties[i].property);
            say("info", line);
            mem_free(line);
        }
        return 0;
    }
    struct buf text;
    buf_init(&text, YAML_MAX_BYTES);
    int rc = config_text(wish, &text, e);
    if (rc == 0) rc = file_write_atomic(path, text.data, text.len, FILE_PUBLIC, e);
    buf_fini(&text);
    return rc;
}

/* ---- the service and its folders ---- */

static int register_service(const struct agent_config *c, const struct setup_service *s,
                            bool *created, struct err *e)
{
    char *self = paths_self();
    const struct service_entry entry = {
        .name = SERVICE_AGENT,
        .display = "Cadre Agent",
        .description = "Runs jobs on this machine for a Cadre coordinator.",
        .program = self,
        .argument = s->argument,
        .account = s->account,
        .password = s->password,
        .automatic = s->automatic,
        .stop_ms = c->drain_timeout_ms + STOP_MARGIN_MS,
    };
    int rc = service_admin_register(&entry, created, e);
    mem_free(self);
    return rc;
}

static int make_folders(const struct agent_config *c, struct err *e)
{
    char *config = paths_agent_config(), *log = paths_agent_log();
    char *house = paths_dir(config), *logs = log ? paths_dir(log) : NULL;
    int rc = 0;
    if (str_eq(c->config_path, config)) rc = service_admin_folder(house, false, e);
    if (rc == 0) rc = service_admin_folder(c->state, true, e);
    if (rc == 0 && logs) rc = service_admin_folder(logs, true, e);
    mem_free(logs);
    mem_free(house);
    mem_free(log);
    mem_free(config);
    return rc;
}

/* With a first installation; later on the folders are ours and nobody else writes there. */
static int check_owners(const struct agent_config *c, struct err *e)
{
    enum service_state state;
    int rc = service_admin_state(SERVICE_AGENT, &state, e);
    if (rc != 0 || state != SERVICE_IS_ABSENT) return rc;
    char *house = paths_dir(c->config_path);
    rc = service_admin_owner(house, e);
    if (rc == 0) rc = service_admin_owner(c->config_path, e);
    if (rc == 0) rc = service_admin_owner(c->state, e);
    mem_free(house);
    return rc;
}

int setup_service(const struct agent_config *c, const struct setup_service *s, bool *created,
                  struct err *e)
{
    struct state_look look;
    /* a folder that holds something else, as a whole disk does, is not closed to those who need
     * that */
    int rc = state_folder_look(c->state, STATE_OF_AGENT, &look, e);
    if (rc == 0) rc = check_owners(c, e);
    if (rc == 0) rc = register_service(c, s, created, e);
    if (rc == 0) rc = make_folders(c, e);
    return rc;
}

/* ---- joining ---- */

/* The token's addresses are the coordinator's own idea of where it is; who named another one wants
 * that. */
static int keep_coordinator(const struct agent_config *c, const struct opt_list *addresses,
                            struct err *e)
{
    struct buf before, after;
    if (addresses->count == 0) return 0;
    const struct config_edit edit = {.key = "coordinator",
                                     .values = (const char *const *)addresses->items,
                                     .count = addresses->count};
    buf_init(&before, YAML_MAX_BYTES);
    buf_init(&after, YAML_MAX_BYTES);
    int rc = text_file_read(c->config_path, YAML_MAX_BYTES, &before, e);
    if (rc == 0) rc = config_text_edit(c->config_path, before.data, &edit, 1, &after, e);
    if (rc == 0) rc = file_write_atomic(c->config_path, after.data, after.len, FILE_PUBLIC, e);
    buf_fini(&before);
    buf_fini(&after);
    return rc;
}

static int join(const struct json *wish, struct err *e)
{
    struct agent_config c;
    struct opt_args args;
    struct join_result r = {0};
    char name[] = "setup";
    char *argv[] = {name, NULL};
    const char *token = json_get_str(wish, "token", NULL);
    /* again, now that the file is there */
    int rc = agent_config_load(&c, 1, argv, &args, e);
    if (rc != 0) return rc;
    if (identity_exists(c.state)) {
        if (!str_empty(token)) say("info", "this machine has joined already; TOKEN is not used");
    } else if (str_empty(token)) {
        say("info", "this machine has not joined: run 'cadre-agent join TOKEN', then "
                    "'sc start cadre-agent'");
    } else {
        rc = pki_init(e);
        if (rc == 0) rc = join_run(&c, token, &r, e);
        pki_fini();
        if (rc == 0) rc = keep_coordinator(&c, &c.coordinator, e);
        if (rc == 0) {
            char *line = str_dupf("joined %s as %s (%s), group %s", r.address, r.name, r.agent,
                                  r.group ? r.group : STR_DEFAULT_GROUP);
            say("info", line);
            mem_free(line);
        } else {
            err_wrap(e, "cannot join with TOKEN");
        }
        join_result_fini(&r);
    }
    agent_config_fini(&c);
    return rc;
}

/* ---- the whole setup ---- */

static int carry_out(const struct json *wish, struct err *e)
{
    struct agent_config c;
    struct opt_args args;
    char name[] = "setup";
    char *argv[] = {name, NULL};
    const struct setup_service service = {.argument = "run",
                                          .account = json_get_str(wish, "account", NULL),
                                          .password = json_get_str(wish, "password", NULL),
                                          .automatic = json_get_bool(wish, "automatic", true)};
    bool created = false;
    int rc = agent_config_load(&c, 1, argv, &args, e);
    if (rc != 0) return rc;
    rc = setup_service(&c, &service, &created, e);
    if (rc == 0)
        say("info",
            created
                ? "the service cadre-agent is registered"
                : "the service cadre-agent exists already and keeps its account and start type");
    if (rc == 0) rc = seed_config(c.config_path, wish, e);
    agent_config_fini(&c);
    if (rc == 0) rc = join(wish, e);
    return rc;
}

int agent_setup(void)
{
    struct err e = {0};
    struct buf input;
    struct json *wish = NULL;
    buf_init(&input, WISH_MAX_BYTES);
    int rc = stdin_read(WISH_MAX_BYTES - 1, &input, &e);
    if (rc == 0) rc = json_parse(input.data, input.len, &wish, &e);
    if (input.len > 0) mem_wipe(input.data, input.len);
    buf_fini(&input);
    if (rc == 0) rc = carry_out(wish, &e);
    json_free(wish);
    if (rc != 0) say("error", err_text(&e));
    return rc == 0 ? 0 : 1;
}
