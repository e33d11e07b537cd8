/* Beside the coordinator of a house, on the same loop and over the same database: the API of one
 * that does not own the queue; and peers that the standby takes for the owner, whose answers the
 * test writes. Needs --wrap of the linker for api_new
 * and mbedtls_x509_crt_check_extended_key_usage. */
#ifndef CADRE_TESTS_STANDBY_H
#define CADRE_TESTS_STANDBY_H

#include "coordinator/api/api.h"
#include "tests/unit/coordinator/house.h"

struct standby {
    struct house *house;
    struct api_options options; /* of the house's own API */
    struct api *api;
    struct link_listener *listener;
    uint16_t port, owner_port;
    char addresses[256]; /* JSON list; "": no owner is known */
    bool owns;           /* it has become the owner meanwhile: nobody is asked */
};

void standby_open(struct standby *s, struct house *h); /* which is open */
/* How long the owner may be silent: as forward_ms of api_options. */
void standby_quiet(struct standby *s, int64_t ms);
void standby_close(struct standby *s);
/* Whom the calls of the house go to from now on. */
void standby_ask(struct standby *s, bool standby);
/* Who is the owner: this port of 127.0.0.1. */
void standby_owner(struct standby *s, uint16_t port);

/* An owner in the test's hands. */
struct fake {
    struct house *house;
    struct link_listener *listener;
    struct tls_config *tls; /* NULL: the house's own */
    struct link *link;      /* the last one accepted; NULL: closed */
    int accepted;
    bool changed;
    bool again; /* more than one link was open at once */
    struct buf in;
};
/* With this certificate and key; NULL: those of the house. */
void fake_open(struct fake *f, struct standby *s, const struct identity *i);
/* The next handshake is one of a fake's, which shows its certificate though it is none of a server.
 * How often such a one was refused since then; the end of it. */
void fake_look_away(void);
int fake_refusals(void);
void fake_close(struct fake *f);
/* Until what came has this text, or, NULL, until the link is closed. */
void fake_wait(struct fake *f, const char *text);
void fake_say(struct fake *f, const char *text);
void fake_hang_up(struct fake *f, bool orderly);
/* Until the text is in what came to the client. */
void peer_wait_text(struct peer *p, const char *text);

#endif
