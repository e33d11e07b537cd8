/* run: the coordinator, until it is told to stop; and small commands. */
#include "base/log.h"
#include "base/mem.h"
#include "coordinator/command_line.h"
#include "coordinator/coordinator.h"
#include "coordinator/store/pg_load.h"
#include "coordinator/store_password.h"
#include "coordinator/store_uri.h"
#include "coordinator/web.h"
#include "coordinator/zone_files.h"
#include "base/str.h"
#include "platform/complain.h"
#include "platform/log_sink.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "platform/service.h"
#include "platform/streams.h"

#include "cadre_version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define STOP_HINT_MS 10000

struct runner {
    uv_loop_t loop;
    uv_async_t stop; /* the request may come from another thread */
    uv_async_t reload;
    uv_timer_t watchdog;
    struct coordinator *coordinator;
    struct service *service;
};

static void close_handles(struct runner *r)
{
    uv_close((uv_handle_t *)&r->stop, NULL);
    uv_close((uv_handle_t *)&r->reload, NULL);
    uv_close((uv_handle_t *)&r->watchdog, NULL);
}

static void on_stopped(void *user)
{
    struct runner *r = user;
    coordinator_free(r->coordinator);
    r->coordinator = NULL;
    service_detach(r->service);
    close_handles(r);
}

static void on_stop(uv_async_t *h)
{
    struct runner *r = h->data;
    if (!r->coordinator) return;
    log_info("coordinator: stopping");
    service_stopping(STOP_HINT_MS);
    coordinator_stop(r->coordinator, on_stopped, r);
}

static void request_stop(bool again, void *user)
{
    struct runner *r = user;
    (void)again; /* the second signal cuts the connections that are still open */
    uv_async_send(&r->stop);
}

static void on_reload(uv_async_t *h)
{
    struct runner *r = h->data;
    if (r->coordinator) coordinator_reload(r->coordinator);
}

static void request_reload(void *user)
{
    struct runner *r = user;
    uv_async_send(&r->reload);
}

static void on_watchdog(uv_timer_t *t)
{
    (void)t;
    service_watchdog();
}

static int start(struct runner *r, const struct config *config, struct err *e)
{
    struct service_control control = {.stop = request_stop, .reload = request_reload, .user = r};
    if (uv_loop_init(&r->loop)) return err_set(e, ERR_IO, "the event loop cannot be made");
    uv_async_init(&r->loop, &r->stop, on_stop);
    uv_async_init(&r->loop, &r->reload, on_reload);
    uv_timer_init(&r->loop, &r->watchdog);
    r->stop.data = r->reload.data = r;
    int rc = service_attach(&r->loop, &control, &r->service, e);
    if (!rc) rc = coordinator_start(&r->loop, config, NULL, &r->coordinator, e);
    if (!rc) return 0;
    service_detach(r->service);
    close_handles(r);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    uv_loop_close(&r->loop);
    return rc;
}

/* The module of PostgreSQL is beside this program, or where its package has it. */
static int module_check(const struct config *config, struct err *e)
{
    const struct pg_module *m;
    if (!config->store) return 0;
    char *self = paths_self(), *folder = paths_dir(self);
    int rc = pg_load(folder, &m, e);
    if (rc) err_wrap(e, "store");
    mem_free(folder);
    mem_free(self);
    return rc;
}

/* Is what the configuration names there, and what it should be? */
static int check_named(const struct config *config, struct err *e)
{
    int rc = web_check(config, e);
    if (!rc) rc = zone_files_check(config, e);
    if (!rc) rc = store_password_check(config, e);
    if (!rc) rc = module_check(config, e);
    return rc;
}

int command_run(const struct command_args *a)
{
    struct runner r = {0};
    struct err e = {0};
    int rc = log_sink_open(NULL, &e);
    os_raise_file_limit();
    os_protect_self();
    if (!rc) rc = start(&r, a->config, &e);
    if (rc) {
        struct err wrong = {0};
        int code = EXIT_FAILURE;
        if (check_named(a->config, &wrong)) { /* of two faults the one that a restart mends least */
            code = EXIT_USAGE;
            e = wrong;
        }
        complain_as("cadre-coordinator run", err_text(&e));
        service_failed(code, err_text(&e));
        log_sink_close();
        return code;
    }
    log_info("coordinator: version %s, state %s, listening on %s", CADRE_VERSION, a->config->state,
             coordinator_address(r.coordinator));
    printf("listening on %s\n", coordinator_address(r.coordinator));
    const char *web = coordinator_web_address(r.coordinator);
    if (web) {
        log_info("coordinator: the page and the API are at %s, too", web);
        printf("listening on %s for browsers\n", web);
    }
    fflush(stdout);
    service_ready("serving");
    int64_t beat = service_watchdog_ms();
    if (beat) uv_timer_start(&r.watchdog, on_watchdog, 0, (uint64_t)beat);
    uv_unref((uv_handle_t *)&r.watchdog);
    uv_run(&r.loop, UV_RUN_DEFAULT);
    log_info("coordinator: stopped");
    uv_loop_close(&r.loop);
    log_sink_close();
    return EXIT_SUCCESS;
}

int command_print(const char *command, const char *text)
{
    struct err e = {0};
    if (fd_write_all(1, text, strlen(text), &e) == 0) return EXIT_SUCCESS;
    char who[64];
    (void)str_format(who, sizeof who, "cadre-coordinator %s", command);
    complain_as(who, err_text(&e));
    return EXIT_FAILURE;
}

static void advise(const char *sentence, void *user)
{
    (void)user;
    char *line = str_dupf("warning: %s", sentence);
    complain_as("cadre-coordinator check-config", line);
    mem_free(line);
}

int command_check_config(const struct command_args *a)
{
    struct buf text;
    struct err e = {0};
    if (check_named(a->config, &e)) {
        complain_as("cadre-coordinator check-config", err_text(&e));
        return EXIT_USAGE;
    }
    buf_init(&text, 256 * 1024);
    opt_print(&a->config->set, &text);
    int code = command_print("check-config", text.data);
    buf_fini(&text);
    store_uri_advise(a->config->store, a->config->lease_ms, advise, NULL);
    return code;
}

int command_version(const struct command_args *a)
{
    (void)a;
    return command_print("version", "cadre-coordinator " CADRE_VERSION "\n");
}
