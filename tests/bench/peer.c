/* What the peers have in common. See peer.h. */
#include "tests/bench/peer.h"

#include "base/mem.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct peer_kind *const kinds[] = {
#ifdef CADRE_BENCH_RABBITMQ
    &peer_rabbitmq,
#endif
    &peer_beanstalkd, &peer_beanstalkd_memory, &peer_gearmand,
#ifdef CADRE_BENCH_POSTGRESQL
    &peer_claim,
#endif
    &peer_graphile,   &peer_pg_boss,
};
#define KINDS (sizeof kinds / sizeof *kinds)

const struct peer_kind *peer_find(const char *name)
{
    for (size_t i = 0; i < KINDS; i++)
        if (str_eq(kinds[i]->name, name)) return kinds[i];
    return NULL;
}

struct peer *peer_new(const struct peer_kind *kind, uv_loop_t *loop, const char *folder)
{
    struct peer *p = mem_alloc(sizeof *p);
    p->kind = kind;
    p->loop = loop;
    snprintf(p->folder, sizeof p->folder, "%s/%s", folder, kind->name);
    return p;
}

void peer_fail(struct peer *p, const char *fmt, ...)
{
    va_list args;
    if (p->why[0]) return;
    va_start(args, fmt);
    vsnprintf(p->why, sizeof p->why, fmt, args);
    va_end(args);
}

bool peer_start(struct peer *p)
{
    char data[600];
    snprintf(data, sizeof data, "%s/data", p->folder);
    if (mkdir(p->folder, 0700) == 0 && mkdir(data, 0700) == 0) return p->kind->start(p);
    peer_fail(p, "its folder %s cannot be made", data);
    return false;
}

bool peer_open(struct peer *p, const struct peer_load *load)
{
    p->load = *load;
    p->resting = false;
    return p->kind->open(p) && !p->why[0];
}

void peer_rest(struct peer *p)
{
    p->resting = true;
    if (p->kind->rest) p->kind->rest(p);
}

bool peer_is_drained(const struct peer *p)
{
    return p->why[0] || p->ended >= p->begun;
}

void peer_close(struct peer *p)
{
    p->resting = true;
    p->kind->close(p);
}

void peer_free(struct peer *p)
{
    if (!p) return;
    bench_end(p->pid);
    if (p->kind->stop) p->kind->stop(p);
    mem_free(p);
}

bool peer_may_put(const struct peer *p)
{
    return !p->resting && !p->why[0] && (!p->load.ahead || p->begun < p->ended + p->load.ahead);
}

/* ---- servers ---- */

bool peer_program(struct peer *p, const char *name, char *out, size_t size)
{
    static const char more[] = ":/usr/sbin:/sbin:/usr/lib/rabbitmq/bin";
    const char *path = getenv("PATH");
    char *all = str_dupf("%s%s", path ? path : "", more), *rest = all;
    bool found = false;
    for (char *folder; !found && (folder = strsep(&rest, ":"));) {
        snprintf(out, size, "%s/%s", folder, name);
        found = folder[0] == '/' && access(out, X_OK) == 0;
    }
    mem_free(all);
    if (!found) peer_fail(p, "there is no program %s", name);
    return found;
}

static int connect_to(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                            .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = connect(fd, (struct sockaddr *)&a, sizeof a);
    close(fd);
    return rc;
}

int peer_free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) ||
        getsockname(fd, (struct sockaddr *)&a, &len))
        bench_die("no free port");
    close(fd);
    return ntohs(a.sin_port);
}

bool peer_wait_for_port(struct peer *p, int seconds)
{
    for (int i = 0; i < seconds * 100; i++) {
        if (bench_has_ended(p->pid)) {
            peer_fail(p, "it ended at its start; its log is %s/server.log", p->folder);
            return false;
        }
        if (connect_to(p->port) == 0) return true;
        usleep(10000);
    }
    peer_fail(p, "it took no connection within %d s; its log is %s/server.log", seconds, p->folder);
    return false;
}
