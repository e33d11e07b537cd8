/* The coordinator under load, and single requests to it. */
#include "tests/bench/load.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "wire/http.h"
#include "wire/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_S 20
#define ASK_S 30
#define OWNER_S 30
#define OWNER_AGAIN_US 50000
#define ANSWER_MAX (16u * 1024 * 1024)

static void read_address(struct target *t, int fd)
{
    char line[256] = "";
    size_t len = 0;
    struct err e = {0};
    while (len < sizeof line - 1 && read(fd, line + len, 1) == 1 && line[len] != '\n')
        len++;
    line[len] = 0;
    close(fd);
    if (strncmp(line, "listening on ", 13) != 0)
        bench_die("the coordinator did not start: '%s'", line);
    bench_must(address_parse(line + 13, DEFAULT_PORT, t->host, sizeof t->host, &t->port, &e), &e,
               "the coordinator's address");
}

void target_program(const char *name, char *out, size_t size)
{
    const char *bin = getenv("CADRE_BENCH_BIN");
    snprintf(out, size, "%s/%s", bin && *bin ? bin : CADRE_BIN_DIR, name);
}

static char *plain(const char *s)
{
    return (char *)(uintptr_t)s;
}

void target_init(struct target *t, uv_loop_t *loop, const char *folder)
{
    char state[600], program[600], init[] = "init", state_flag[] = "--state";
    char listen_flag[] = "--listen", listen[] = "127.0.0.1:0", store_flag[] = "--store";
    char *store = t->store ? store_flag : NULL;
    t->loop = loop;
    t->folder = folder;
    target_program("cadre-coordinator", program, sizeof program);
    snprintf(state, sizeof state, "%s/server", folder);
    char *argv[] = {program, init,  state_flag,      state, listen_flag,
                    listen,  store, plain(t->store), NULL};
    bench_run(folder, "init", argv);
}

void target_run(struct target *t)
{
    char state[600], token[640], program[600], run[] = "run", state_flag[] = "--state";
    char listen_flag[] = "--listen", listen[] = "127.0.0.1:0", store_flag[] = "--store";
    char *store = t->store ? store_flag : NULL;
    struct err e = {0};
    struct buf text;
    int out;
    target_program("cadre-coordinator", program, sizeof program);
    snprintf(state, sizeof state, "%s/server", t->folder);
    snprintf(token, sizeof token, "%s/admin.token", state);
    char *argv[] = {program, run,   state_flag,      state, listen_flag,
                    listen,  store, plain(t->store), NULL};
    t->pid = bench_spawn(t->folder, "coordinator", argv, &out);
    read_address(t, out);
    buf_init(&text, TOKEN_TEXT_SIZE);
    bench_must(file_read(token, TOKEN_TEXT_SIZE - 1, &text, &e), &e, "the admin token");
    text.data[strcspn(text.data, "\r\n")] = 0;
    snprintf(t->token_text, sizeof t->token_text, "%s", text.data);
    buf_fini(&text);
    bench_must(token_parse(t->token_text, &t->token, &e), &e, "the admin token");
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer; /* its turn of the loop is what is wanted */
}

static void on_tick_closed(uv_handle_t *h)
{
    mem_free(h);
}

void target_wait(struct target *t, const bool *done, double seconds, const char *for_what)
{
    int64_t end = bench_now_ns() + (int64_t)(seconds * 1e9);
    uv_timer_t *tick = mem_alloc(sizeof *tick);
    uv_timer_init(t->loop, tick);
    uv_timer_start(tick, on_tick, 100, 100);
    while (!*done) {
        if (bench_now_ns() > end) bench_die("waited %.0f s in vain: %s", seconds, for_what);
        uv_run(t->loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)tick, on_tick_closed);
}

void load_run(uv_loop_t *loop, double seconds, bool (*done)(void *user), void *user)
{
    int64_t end = bench_now_ns() + (int64_t)(seconds * 1e9);
    uv_timer_t *tick = mem_alloc(sizeof *tick);
    uv_timer_init(loop, tick);
    uv_timer_start(tick, on_tick, 20, 20);
    while (bench_now_ns() < end && !(done && done(user)))
        uv_run(loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)tick, on_tick_closed);
    uv_run(loop, UV_RUN_NOWAIT);
}

char *load_job(size_t bytes)
{
    char *pad = mem_alloc(bytes + 1);
    memset(pad, 'x', bytes);
    pad[bytes > 4 ? bytes - 4 : 1] = 0; /* the other word has 4 */
    char *body = str_dupf("{\"command\":[\"true\",\"%s\"]}", pad);
    mem_free(pad);
    return body;
}

/* ---- one request ---- */

struct ask {
    const char *method, *path, *body;
    struct target *target;
    struct http_parser *parser;
    struct tls_config *tls;
    struct link *link;
    struct err err;
    int status;
    char *answer;
    bool done;
};

static void send_request(struct ask *a)
{
    struct link *l = a->link;
    char *extra = mem_alloc(TOKEN_TEXT_SIZE + 64);
    snprintf(extra, TOKEN_TEXT_SIZE + 64, "Authorization: Bearer %s\r\n", a->target->token_text);
    int rc = http_write_request(link_out(l), &(struct http_to){a->method, a->path, a->target->host},
                                a->body ? &(struct http_content){"application/json", a->body,
                                                                 strlen(a->body)}
                                        : NULL,
                                extra);
    mem_free(extra);
    if (rc) bench_die("a request does not fit");
    link_flush_later(l);
}

static void on_open(struct link *l, void *user)
{
    (void)l;
    send_request(user);
}

static void on_data(struct link *l, const void *data, size_t len, void *user)
{
    struct ask *a = user;
    const char *p = data;
    (void)l;
    enum http_event event = HTTP_HEAD;
    while (event == HTTP_HEAD) {
        size_t used = 0;
        bench_must(http_parse(a->parser, p, len, &used, &event, &a->err), &a->err, a->path);
        p += used;
        len -= used;
    }
    if (event != HTTP_MESSAGE) return;
    struct http_message *m = http_parser_message(a->parser);
    a->status = m->status;
    a->answer = mem_strndup(m->body.data, m->body.len);
    a->done = true;
}

static void on_close(struct link *l, const struct err *e, void *user)
{
    (void)l;
    struct ask *a = user;
    a->link = NULL;
    if (!a->done) bench_die("%s %s: %s", a->method, a->path, err_text(e));
}

static const struct link_handler handler = {on_open, on_data, NULL, on_close};

static struct ask *ask_open(struct target *t)
{
    struct ask *a = mem_alloc(sizeof *a);
    struct tls_client_options o = {.alpn = ALPN_HTTP, .pin = t->token.pin};
    struct err e = {0};
    bench_must(tls_config_client(&o, &a->tls, &e), &e, "TLS");
    a->target = t;
    a->parser = http_parser_new(HTTP_CLIENT, ANSWER_MAX);
    return a;
}

static void ask_close(struct ask *a)
{
    if (a->link) link_close(a->link);
    while (a->link)
        uv_run(a->target->loop, UV_RUN_ONCE);
    http_parser_free(a->parser);
    tls_config_unref(a->tls);
    mem_free(a);
}

/* Whatever the answer is. */
static char *ask_any(struct ask *a, const char *method, const char *path, const char *body)
{
    struct target *t = a->target;
    a->method = method;
    a->path = path;
    a->body = body;
    a->done = false;
    if (a->link)
        send_request(a);
    else
        a->link =
            link_connect(t->loop, a->tls, &(struct link_to){t->host, t->port, LIMIT_HANDSHAKE_MS},
                         &handler, a);
    target_wait(t, &a->done, ASK_S, path);
    return a->answer;
}

static char *ask_one(struct ask *a, const char *method, const char *path, const char *body)
{
    char *answer = ask_any(a, method, path, body);
    if (a->status < 200 || a->status > 299)
        bench_die("%s %s: %d %s", method, path, a->status, answer);
    return answer;
}

char *target_ask(struct target *t, const char *method, const char *path, const char *body)
{
    if (t->line) return ask_one(t->line, method, path, body);
    struct ask *a = ask_open(t);
    char *answer = ask_one(a, method, path, body);
    ask_close(a);
    return answer;
}

void target_keep_line(struct target *t, bool on)
{
    if (on == (t->line != NULL)) return;
    if (!on) ask_close(t->line);
    t->line = on ? ask_open(t) : NULL;
}

char *target_join_token(struct target *t)
{
    struct json *j;
    struct err e = {0};
    char *text = target_ask(t, "POST", "/api/v1/tokens", "{\"type\":\"join\",\"uses\":null}");
    bench_must(json_parse(text, strlen(text), &j, &e), &e, "the join token");
    char *token = mem_strdup(json_get_str(j, "token", ""));
    json_free(j);
    mem_free(text);
    return token;
}

static void await_owner(struct target *t)
{
    int64_t end = bench_now_ns() + (int64_t)OWNER_S * 1000000000;
    int status = 0;
    while (status != 200) {
        struct ask *a = ask_open(t);
        mem_free(ask_any(a, "GET", "/readyz?owner", NULL));
        status = a->status;
        ask_close(a);
        if (status == 200) return;
        if (bench_now_ns() > end) bench_die("the coordinator does not own the queue: %d", status);
        usleep(OWNER_AGAIN_US);
    }
}

void target_start(struct target *t, uv_loop_t *loop, const char *folder)
{
    target_init(t, loop, folder);
    target_run(t);
    if (t->store) await_owner(t);
}
