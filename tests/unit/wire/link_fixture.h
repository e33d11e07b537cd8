/* Two ends of links on one loop, and a peer on a bare socket that does as it likes. */
#ifndef CADRE_TESTS_LINK_FIXTURE_H
#define CADRE_TESTS_LINK_FIXTURE_H

#include "tests/pki/pki_fixture.h"
#include "wire/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <uv.h>

#define TIMEOUT_MS 20000

/* One end of a connection, and what happened to it. */
struct end {
    struct world *world;
    struct link *link;
    unsigned opened, drained, closed, deliveries;
    struct err err;
    uint64_t received, sum; /* bytes, and their order-sensitive sum */
    char text[256];         /* the first bytes received */
    size_t text_len;
    bool echo;
    void (*open_hook)(struct end *x);
    void (*data_hook)(struct end *x);
    void (*drain_hook)(struct end *x);
    uint64_t to_send, sent, sent_sum;
};

struct world {
    struct fixture_pki pki, foreign;
    uv_loop_t loop;
    struct link_listener *listener;
    struct tls_config *server_tls;
    struct end server, client;
    bool refuse;      /* accept without setting a handler */
    bool inside_call; /* of link_close or link_abort: no callback may come */
    unsigned accepted;
    struct end *more; /* accepted links go here instead, one after the other */
    unsigned more_count;
};

extern const struct link_handler fixture_handler;

int fixture_setup_group(void **state);
int fixture_teardown_group(void **state);
int fixture_setup(void **state);
/* Ends what a test left open; then the loop must be empty. */
int fixture_teardown(void **state);
#define LINK_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* Turns the loop until *what reaches count. Hanging for 60 s is a failure. */
void fixture_run(struct world *w, const unsigned *what, unsigned count);
void fixture_run64(struct world *w, const uint64_t *what, uint64_t count);
void fixture_run_ms(struct world *w, uint64_t ms);
uint64_t fixture_sum(uint64_t sum, const void *data, size_t len);

void fixture_listen(struct world *w, const char *address, struct tls_config *tls);
void fixture_connect(struct world *w, const char *host, struct tls_config *tls);
/* Both ends open on 127.0.0.1, the client with its certificate. */
void fixture_open_both(struct world *w);
/* link_close / link_abort; checks that no callback comes from inside. */
void fixture_close(struct end *x);
void fixture_abort(struct end *x, const struct err *why);

/* A bare socket. */
struct bare {
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    unsigned connected, ended, writes;
    bool open;
    size_t received;
    struct tls *tls; /* when set, what comes is fed to it */
};
void bare_connect(struct world *w, struct bare *b);
void bare_send(struct bare *b, const void *data, size_t len);
void bare_close(struct bare *b);
void bare_reset(struct bare *b); /* closes with a TCP reset */
/* Closes it and waits until libuv has let go of it: before the struct goes away. */
void bare_finish(struct world *w, struct bare *b);
/* The same for any other handle. */
void fixture_let_go(struct world *w, uv_handle_t *h);

#endif
