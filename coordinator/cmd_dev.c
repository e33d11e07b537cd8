/* dev: coordinator and agents in a scratch folder, for a first look. Each part runs as in real use,
 * as a process of its own; this process only waits for Ctrl-C and for their end. */
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/command_line.h"
#include "coordinator/coordinator.h"
#include "coordinator/store/store.h"
#include "coordinator/store_uri.h"
#include "coordinator/trust/admin_token.h"
#include "coordinator/trust/names.h"
#include "platform/complain.h"
#include "platform/files.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "platform/process.h"
#include "platform/service.h"
#include "platform/state_folder.h"
#include "wire/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define LOOK_MS 50
#define START_TIMEOUT_MS 20000
#define END_TIMEOUT_MS 15000

enum dev_state { DEV_LISTENING, DEV_JOINING, DEV_RUNNING, DEV_ENDING };

struct dev_agent {
    char *name, *group; /* group NULL: default */
    char *config, *state, *log;
    int64_t pid;
};

struct dev {
    struct config *config;
    char *scratch;
    struct file_lock *lock;
    bool keep;
    char *program, *agent_program, *log;
    struct token join;
    struct dev_agent *agents;
    size_t agent_count, joined;
    enum dev_state state;
    int64_t pid; /* of the coordinator */
    int64_t since_ms;
    bool forced;
    int code;
    uv_loop_t loop;
    uv_timer_t timer;
    struct service *service;
};

/* ---- before anything runs ---- */

static void make_names(struct dev *d)
{
    struct config *c = d->config;
    char id[ID_TEXT_SIZE];
    id_format(id_make(os_wall_ms(), (uint32_t)os_seed()), id);
    char *temp = paths_temp(), *name = str_dupf("cadre-dev-%s", id);
    /* the file of an installed coordinator does not concern this coordinator */
    d->keep = config_source(c, "CADRE_STATE") > OPT_FROM_FILE;
    d->scratch = d->keep ? mem_strdup(c->state) : paths_join(temp, name);
    mem_free(temp);
    mem_free(name);
    mem_free(c->state);
    c->state = paths_join(d->scratch, "coordinator");
    mem_free(c->store); /* all of it is in the scratch folder */
    c->store = NULL;
    if (config_source(c, "CADRE_LISTEN") <= OPT_FROM_FILE) {
        mem_free(c->listen);
        c->listen = mem_strdup("127.0.0.1:0");
    }
    d->program = paths_self();
    char *folder = paths_dir(d->program);
    d->agent_program =
        paths_join(folder, str_ends(d->program, ".exe") ? "cadre-agent.exe" : "cadre-agent");
    d->log = paths_join(d->scratch, "coordinator.log");
    mem_free(folder);
}

/* group NULL: default. A group that is named twice has one agent. */
static void add_agent(struct dev *d, const char *group)
{
    for (size_t i = 0; group && i < d->agent_count; i++)
        if (str_eq(d->agents[i].group, group)) return;
    struct dev_agent *a = &d->agents[d->agent_count++];
    a->group = mem_strdup(group);
    a->name = group ? str_dupf("dev-%s", group) : mem_strdup("dev");
    char *config = str_dupf("%s.yaml", a->name), *log = str_dupf("%s.log", a->name);
    a->config = paths_join(d->scratch, config);
    a->log = paths_join(d->scratch, log);
    a->state = paths_join(d->scratch, a->name);
    mem_free(config);
    mem_free(log);
}

static void make_agents(struct dev *d)
{
    const struct opt_list *groups = &d->config->groups;
    d->agents = mem_array(groups->count + 1, sizeof *d->agents);
    add_agent(d, NULL);
    for (size_t i = 0; i < groups->count; i++)
        add_agent(d, groups->items[i]);
}

static int add_groups(const struct dev *d, struct store *s, int64_t now_ms, struct err *e)
{
    int rc = 0;
    for (size_t i = 1; i < d->agent_count && !rc; i++) {
        struct group_row g = {.key = d->agents[i].group, .created_ms = now_ms};
        rc = store_group_put(s, &g, e);
    }
    return rc;
}

/* Writes groups and a join token directly into the database, which no other process has opened
 * yet. */
static int fill_store(struct dev *d, struct err *e)
{
    struct store *s;
    struct token_row row;
    int64_t now_ms = os_wall_ms();
    int rc = token_fresh(ROLE_JOIN, now_ms, &row, d->join.secret, e);
    if (rc) return rc;
    row.name = mem_strdup("dev");
    row.uses_left = (int64_t)d->agent_count;
    d->join.id = row.id;
    rc = store_open(d->config->state, &s, e);
    if (!rc) {
        rc = store_begin(s, e);
        if (!rc) rc = add_groups(d, s, now_ms, e);
        if (!rc) rc = store_token_insert(s, &row, e);
        if (!rc)
            rc = store_commit(s, e);
        else
            store_rollback(s);
        store_close(s);
    }
    token_row_fini(&row);
    return rc;
}

static int prepare(struct dev *d, struct err *e)
{
    if (!file_exists(d->agent_program))
        return err_set(e, ERR_NOT_FOUND,
                       "%s is not there: dev needs the agent beside the coordinator",
                       d->agent_program);
    int rc = state_folder_enter(d->scratch, STATE_OF_DEV, &d->lock, e);
    if (!rc) rc = coordinator_init(d->config, e);
    if (rc == ERR_EXISTS) rc = err_wrap(e, "dev needs a folder without a coordinator");
    if (!rc) rc = fill_store(d, e);
    return rc;
}

/* ---- the parts ---- */

static int start_coordinator(struct dev *d, struct err *e)
{
    char *config = paths_join(d->scratch, "coordinator.yaml");
    int rc = file_write_atomic(config, "# defaults\n", 11, FILE_PUBLIC, e);
    const char *const argv[] = {d->program,    "run",
                                "--config",    config,
                                "--state",     d->config->state,
                                "--listen",    d->config->listen,
                                "--log-level", d->config->log_level,
                                "--store",     STORE_SQLITE,
                                NULL};
    if (!rc) rc = process_start_detached(argv, d->log, &d->pid, e);
    mem_free(config);
    return rc;
}

static int start_agent(const struct dev *d, struct dev_agent *a, const char *token, struct err *e)
{
    const char *argv[16] = {d->agent_program, token ? "join" : "run"};
    size_t n = 2;
    if (token) argv[n++] = token;
    argv[n++] = "--config";
    argv[n++] = a->config;
    argv[n++] = "--state";
    argv[n++] = a->state;
    if (token) {
        argv[n++] = "--name";
        argv[n++] = a->name;
    }
    if (token && a->group) {
        argv[n++] = "--worker-group";
        argv[n++] = a->group;
    }
    argv[n] = NULL;
    return process_start_detached(argv, a->log, &a->pid, e);
}

static void end_all(struct dev *d, int code)
{
    if (d->state != DEV_ENDING) {
        d->state = DEV_ENDING;
        d->since_ms = os_mono_ms();
        d->code = code;
    }
    for (size_t i = 0; i < d->agent_count; i++)
        if (d->agents[i].pid) (void)process_end_detached(d->agents[i].pid, d->forced, NULL);
    if (d->pid && d->forced) (void)process_end_detached(d->pid, true, NULL);
}

static void fail(struct dev *d, const char *what, const char *log)
{
    struct buf text;
    struct err e = {0};
    complain_as("cadre-coordinator dev", what);
    buf_init(&text, 1024 * 1024);
    if (log && file_read(log, 1024 * 1024, &text, &e) == 0 && text.len)
        fprintf(stderr, "--- %s\n%s", log, text.data);
    buf_fini(&text);
    end_all(d, EXIT_FAILURE);
}

/* ---- step by step ---- */

static bool read_port(const struct dev *d, char *out, size_t size)
{
    char *path = paths_join(d->config->state, "port");
    struct buf text;
    struct err e;
    buf_init(&text, 512);
    bool there = file_exists(path) && file_read(path, 256, &text, &e) == 0 && text.len &&
                 str_copy(out, size, str_trim(text.data)) == 0;
    buf_fini(&text);
    mem_free(path);
    return there;
}

static int join_next(struct dev *d, struct err *e)
{
    char text[TOKEN_TEXT_SIZE];
    int rc = token_format(&d->join, text, sizeof text);
    if (!rc) rc = start_agent(d, &d->agents[d->joined], text, e);
    mem_wipe(text, sizeof text);
    return rc;
}

static int on_listening(struct dev *d, struct err *e)
{
    struct pki_cert_info ca;
    struct buf pem;
    char *path = paths_join(d->config->state, "ca.pem");
    if (!read_port(d, d->join.address[0], sizeof d->join.address[0])) {
        mem_free(path);
        return 0;
    }
    buf_init(&pem, 2 * PKI_PEM_MAX);
    int rc = file_read(path, PKI_PEM_MAX, &pem, e);
    if (!rc) rc = pki_cert_info(pem.data, &ca, e);
    if (!rc) {
        d->join.kind = TOKEN_JOIN;
        d->join.address_count = 1;
        memcpy(d->join.pin, ca.spki_hash, sizeof d->join.pin);
        d->state = DEV_JOINING;
        rc = join_next(d, e);
    }
    buf_fini(&pem);
    mem_free(path);
    return rc;
}

static void say_ready(const struct dev *d)
{
    char *token = paths_join(d->config->state, ADMIN_TOKEN_FILE);
    printf(
        "Cadre runs in %s: a coordinator on %s and %zu agent%s.\n\nPaste into another terminal:\n\n"
        "  export CADRE_TOKEN_FILE=%s\n  cadre run -- echo hello\n",
        d->scratch, d->join.address[0], d->agent_count, d->agent_count == 1 ? "" : "s", token);
    for (size_t i = 1; i < d->agent_count; i++)
        printf("  cadre run --group %s -- echo hello\n", d->agents[i].group);
    printf("\nOr open https://%s/ and sign in with what is in that file.\n\nCtrl-C ends it%s.\n",
           d->join.address[0], d->keep ? "" : " and removes the folder");
    fflush(stdout);
    mem_free(token);
}

/* A join has ended. If it left an identity, that agent is started, and the next agent joins. */
static int on_joined(struct dev *d, struct err *e)
{
    struct dev_agent *a = &d->agents[d->joined];
    if (process_is_alive(a->pid)) return 0;
    char *identity = paths_join(a->state, "identity.json");
    bool fine = file_exists(identity);
    mem_free(identity);
    a->pid = 0;
    if (!fine) {
        fail(d, "the agent could not join", a->log);
        return 0;
    }
    int rc = start_agent(d, a, NULL, e);
    if (rc || ++d->joined < d->agent_count) return rc ? rc : join_next(d, e);
    d->state = DEV_RUNNING;
    say_ready(d);
    return 0;
}

/* Ends the agents first, so that the coordinator receives their last messages. */
static void on_ending(struct dev *d)
{
    size_t alive = 0;
    if (os_mono_ms() - d->since_ms > END_TIMEOUT_MS && !d->forced) {
        d->forced = true;
        end_all(d, d->code);
    }
    for (size_t i = 0; i < d->agent_count; i++) {
        if (d->agents[i].pid && !process_is_alive(d->agents[i].pid)) d->agents[i].pid = 0;
        alive += d->agents[i].pid != 0;
    }
    if (alive) return;
    if (d->pid && process_is_alive(d->pid)) {
        (void)process_end_detached(d->pid, d->forced, NULL);
        return;
    }
    uv_close((uv_handle_t *)&d->timer, NULL);
    service_detach(d->service);
}

static void on_look(uv_timer_t *t)
{
    struct dev *d = t->data;
    struct err e = {0};
    int rc = 0;
    if (d->state == DEV_ENDING) {
        on_ending(d);
        return;
    }
    if (!process_is_alive(d->pid)) {
        fail(d, "the coordinator ended", d->log);
        return;
    }
    if (d->state == DEV_LISTENING)
        rc = on_listening(d, &e);
    else if (d->state == DEV_JOINING)
        rc = on_joined(d, &e);
    if (rc)
        fail(d, err_text(&e), NULL);
    else if (d->state < DEV_RUNNING && os_mono_ms() - d->since_ms > START_TIMEOUT_MS)
        fail(d, "the start takes too long",
             d->state == DEV_LISTENING ? d->log : d->agents[d->joined].log);
}

static void on_stop(bool again, void *user)
{
    struct dev *d = user;
    if (again) d->forced = true;
    end_all(d, EXIT_SUCCESS);
}

static int serve(struct dev *d, struct err *e)
{
    struct service_control control = {.stop = on_stop, .user = d};
    if (uv_loop_init(&d->loop)) return err_set(e, ERR_IO, "the event loop cannot be made");
    int rc = service_attach(&d->loop, &control, &d->service, e);
    if (!rc) rc = start_coordinator(d, e);
    if (!rc) {
        d->since_ms = os_mono_ms();
        uv_timer_init(&d->loop, &d->timer);
        d->timer.data = d;
        uv_timer_start(&d->timer, on_look, LOOK_MS, LOOK_MS);
    } else {
        service_detach(d->service);
    }
    uv_run(&d->loop, UV_RUN_DEFAULT);
    uv_loop_close(&d->loop);
    return rc;
}

static void dev_fini(struct dev *d)
{
    for (size_t i = 0; i < d->agent_count; i++) {
        struct dev_agent *a = &d->agents[i];
        mem_free(a->name);
        mem_free(a->group);
        mem_free(a->config);
        mem_free(a->state);
        mem_free(a->log);
    }
    mem_free(d->agents);
    mem_free(d->scratch);
    mem_free(d->program);
    mem_free(d->agent_program);
    mem_free(d->log);
    mem_wipe(d->join.secret, sizeof d->join.secret);
}

int command_dev(const struct command_args *a)
{
    struct dev *d = mem_alloc(sizeof *d);
    struct err e = {0};
    d->config = a->config;
    make_names(d);
    make_agents(d);
    int rc = prepare(d, &e);
    if (!rc) rc = serve(d, &e);
    if (rc) complain_as("cadre-coordinator dev", err_text(&e));
    int code = rc ? EXIT_FAILURE : d->code;
    file_lock_release(d->lock);
    if (!d->keep && code == EXIT_SUCCESS && dir_remove_tree(d->scratch, &e))
        complain_as("cadre-coordinator dev", err_text(&e));
    dev_fini(d);
    mem_free(d);
    return code;
}
