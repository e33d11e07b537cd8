/*
 * A coordinator that does not own the queue, and nothing beside, for the system tests.
 *
 *   standby STATE           listens on a port of 127.0.0.1, with the CA of a coordinator's state
 *                           folder
 *
 * Says "port N" when it listens, and "came" for each agent whose handshake is done. Reads one
 * command a line from stdin and answers each with "now WORD":
 *
 *   owner LIST  the owner is found at these, a JSON list
 *   none        there is no owner (the start)
 *
 * The end of stdin is its end.
 */
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/sessions/not_owner.h"
#include "coordinator/trust/authority.h"
#include "platform/os.h"
#include "wire/link.h"
#include "wire/pki.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#define LIFE_MS (INT64_C(90) * 86400 * 1000)

struct standby {
    uv_loop_t loop;
    struct authority *authority;
    struct link_listener *listener;
    struct not_owner *not_owner;
    uv_pipe_t control;
    char input[1024], line[4200];
    size_t line_len;
};

static void on_accept(struct link *l, void *user)
{
    struct standby *x = user;
    printf("came\n");
    sessions_refuse_not_owner(x->not_owner, l);
}

static void command(struct standby *x, char *line)
{
    static const char owner[] = "owner ";
    if (str_starts(line, owner)) {
        not_owner_set(x->not_owner, line + sizeof owner - 1);
        printf("now owner\n");
    } else if (str_eq(line, "none")) {
        not_owner_set(x->not_owner, NULL);
        printf("now none\n");
    }
}

static void on_input_alloc(uv_handle_t *h, size_t size, uv_buf_t *b)
{
    (void)size;
    struct standby *x = h->data;
    *b = uv_buf_init(x->input, sizeof x->input);
}

static void on_input(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    struct standby *x = s->data;
    if (n < 0) uv_stop(&x->loop);
    for (ssize_t i = 0; i < n; i++) {
        char c = b->base[i];
        if (c != '\n' && x->line_len < sizeof x->line - 1) {
            x->line[x->line_len++] = c;
        } else if (c == '\n') {
            x->line[x->line_len] = '\0';
            x->line_len = 0;
            command(x, x->line);
        }
    }
}

static int begin(struct standby *x, const char *state, struct err *e)
{
    char host[] = "127.0.0.1";
    struct names names = {.items = {host}, .count = 1};
    int rc = authority_open(state, LIFE_MS, &names, os_wall_ms(), &x->authority, e);
    if (rc) return rc;
    x->not_owner = not_owner_new(&(struct not_owner_options){.loop = &x->loop});
    return link_listen(&(struct link_listen_options){.loop = &x->loop,
                                                     .tls = authority_tls(x->authority),
                                                     .address = host,
                                                     .on_accept = on_accept,
                                                     .user = x},
                       &x->listener, e);
}

static void finish(struct standby *x)
{
    uv_close((uv_handle_t *)&x->control, NULL);
    link_listener_close(x->listener);
    not_owner_stop(x->not_owner, true);
    while (not_owner_count(x->not_owner) > 0)
        uv_run(&x->loop, UV_RUN_ONCE);
    not_owner_free(x->not_owner);
    uv_run(&x->loop, UV_RUN_DEFAULT);
    uv_loop_close(&x->loop);
    authority_free(x->authority);
    pki_fini();
}

int main(int argc, char **argv)
{
    static struct standby x;
    struct err e = {0};
    if (argc != 2) {
        fprintf(stderr, "usage: standby STATE\n");
        return 2;
    }
    uv_loop_init(&x.loop);
    if (pki_init(&e) != 0 || begin(&x, argv[1], &e) != 0) {
        fprintf(stderr, "standby: %s\n", err_text(&e));
        return 1;
    }
    printf("port %d\n", (int)link_listener_port(x.listener));
    uv_pipe_init(&x.loop, &x.control, 0);
    x.control.data = &x;
    if (uv_pipe_open(&x.control, 0) != 0 ||
        uv_read_start((uv_stream_t *)&x.control, on_input_alloc, on_input) != 0)
        return 1;
    uv_run(&x.loop, UV_RUN_DEFAULT);
    finish(&x);
    return 0;
}
