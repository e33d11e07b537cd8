/* graphile-worker and pg-boss, which are packages for Node: peer_node.mjs is their producers and
 * workers, two processes, and says how many jobs began and ended. The packages are those of
 * installer/deps.sh postgresql-peers. */
#include "tests/bench/load.h"
#include "tests/bench/peer.h"
#include "tests/bench/pg_server.h"

#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANSWER_S 60
#define INPUT 65536

struct node {
    struct peer *peer;
    uv_poll_t poll;
    int from, to; /* its standard output, and the FIFO that it reads */
    bool polling, answered;
    struct buf in;
};

/* ---- what it says ---- */

static void on_line(struct node *n, const char *line)
{
    struct peer *p = n->peer;
    if (line[0] >= '0' && line[0] <= '9') {
        char *rest;
        p->begun = strtoull(line, &rest, 10);
        p->ended = strtoull(rest, NULL, 10);
    } else if (strncmp(line, "error ", 6) == 0) {
        peer_fail(p, "%s", line + 6);
    } else { /* ready and what runs, opened, closed */
        if (strncmp(line, "ready ", 6) == 0) printf("with %s\n", line + 6);
        n->answered = true;
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct node *n = poll->data;
    char *end;
    (void)events;
    ssize_t got = status ? 0 : read(n->from, buf_reserve(&n->in, INPUT), INPUT);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        peer_fail(n->peer, "node ended; its log is %.150s/node.log", n->peer->folder);
        uv_poll_stop(poll);
        return;
    }
    buf_commit(&n->in, (size_t)got);
    while ((end = memchr(n->in.data, '\n', n->in.len))) {
        *end = 0;
        on_line(n, n->in.data);
        buf_consume(&n->in, (size_t)(end - n->in.data) + 1);
    }
}

static bool has_answered(void *user)
{
    struct node *n = user;
    return n->answered || n->peer->why[0];
}

static bool await(struct node *n, const char *what)
{
    load_run(n->peer->loop, ANSWER_S, has_answered, n);
    if (!n->answered) peer_fail(n->peer, "it did not %s within %d s", what, ANSWER_S);
    return !n->peer->why[0];
}

static void on_poll_closed(uv_handle_t *h)
{
    struct node *n = h->data;
    n->polling = false;
}

/* ---- what it is told ---- */

static void tell(struct node *n, const char *line)
{
    size_t len = strlen(line);
    n->answered = false;
    if (write(n->to, line, len) != (ssize_t)len) peer_fail(n->peer, "node takes no command");
}

static bool open_load(struct peer *p)
{
    char line[128];
    const struct peer_load *l = &p->load;
    snprintf(line, sizeof line, "open %zu %zu %zu %zu %zu %" PRIu64 " %d\n", l->producers,
             l->window, l->workers, l->prefetch, l->bytes, l->ahead, l->wide ? 1 : 0);
    tell(p->own, line);
    return await(p->own, "open");
}

static void rest(struct peer *p)
{
    tell(p->own, "rest\n");
}

static void close_load(struct peer *p)
{
    if (p->why[0]) return;
    tell(p->own, "close\n");
    (void)await(p->own, "close");
}

/* ---- its start and end ---- */

/* Node looks for packages beside its script. */
static bool lay_out(struct peer *p, char *script, size_t size, char *control, size_t control_size)
{
    const char *deps = getenv("CADRE_DEPS_DIR");
    char modules[512], probe[600], link[600];
    snprintf(modules, sizeof modules, "%s/postgresql-peers/node_modules",
             deps && *deps ? deps : CADRE_SOURCE_DIR "/build/deps");
    snprintf(probe, sizeof probe, "%s/%s", modules, p->kind->name);
    if (access(probe, R_OK) != 0) {
        peer_fail(p, "its package is not there (sh installer/deps.sh postgresql-peers)");
        return false;
    }
    snprintf(link, sizeof link, "%s/node_modules", p->folder);
    snprintf(script, size, "%s/peer_node.mjs", p->folder);
    snprintf(control, control_size, "%s/control", p->folder);
    if (symlink(modules, link) == 0 &&
        symlink(CADRE_SOURCE_DIR "/tests/bench/peer_node.mjs", script) == 0 &&
        mkfifo(control, 0600) == 0)
        return true;
    peer_fail(p, "its folder %s cannot be filled: %s", p->folder, strerror(errno));
    return false;
}

static bool start(struct peer *p)
{
    char node[600], script[600], control[600], uri[128];
    char links[] = "--preserve-symlinks-main", *kind = (char *)(uintptr_t)p->kind->name;
    if (!peer_program(p, "node", node, sizeof node)) return false;
    if (!lay_out(p, script, sizeof script, control, sizeof control)) return false;
    pg_server_uri(p->pg, kind, uri, sizeof uri);
    struct node *n = p->own = mem_alloc(sizeof *n);
    n->peer = p;
    buf_init(&n->in, 16 * INPUT);
    n->to = open(control, O_RDWR | O_CLOEXEC);
    char *argv[] = {node, links, script, kind, uri, control, NULL};
    p->pid = bench_spawn(p->folder, "node", argv, &n->from);
    fcntl(n->from, F_SETFL, O_NONBLOCK);
    uv_poll_init(p->loop, &n->poll, n->from);
    n->poll.data = n;
    n->polling = true;
    uv_poll_start(&n->poll, UV_READABLE, on_readable);
    return await(n, "start");
}

static void stop(struct peer *p)
{
    struct node *n = p->own;
    if (!n) return;
    uv_close((uv_handle_t *)&n->poll, on_poll_closed);
    while (n->polling)
        uv_run(p->loop, UV_RUN_ONCE);
    close(n->from);
    close(n->to);
    buf_fini(&n->in);
    mem_free(n);
}

const struct peer_kind peer_graphile = {.name = "graphile-worker",
                                        .title = "graphile-worker",
                                        .start = start,
                                        .open = open_load,
                                        .rest = rest,
                                        .close = close_load,
                                        .stop = stop};

const struct peer_kind peer_pg_boss = {.name = "pg-boss",
                                       .title = "pg-boss",
                                       .start = start,
                                       .open = open_load,
                                       .rest = rest,
                                       .close = close_load,
                                       .stop = stop};
