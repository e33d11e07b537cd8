/* The client's token is overwritten in memory, however far its making got. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/client.h"
#include "wire/pki.h"
#include "wire/token.h"

#include <string.h>

static struct {
    uint8_t secret[TOKEN_SECRET_BYTES];
    int tokens; /* structs with that secret that were overwritten */
} seen;

void __real_mem_wipe(void *p, size_t len);
void __wrap_mem_wipe(void *p, size_t len);

void __wrap_mem_wipe(void *p, size_t len)
{
    const struct token *t = p;
    if (len == sizeof *t && memcmp(t->secret, seen.secret, sizeof t->secret) == 0) seen.tokens++;
    __real_mem_wipe(p, len);
}

static void make(enum token_kind kind, const char *address, char text[TOKEN_TEXT_SIZE])
{
    struct token t = {.kind = kind, .id = 7, .address_count = address != NULL};
    if (address) assert_int_equal(str_copy(t.address[0], sizeof t.address[0], address), 0);
    memset(t.secret, 0x5a, sizeof t.secret);
    memcpy(seen.secret, t.secret, sizeof t.secret);
    assert_int_equal(token_format(&t, text, TOKEN_TEXT_SIZE), 0);
    memset(&t, 0, sizeof t);
    seen.tokens = 0;
}

static void client_that_cannot_be_made__overwrites_its_token(void **state)
{
    (void)state;
    static const struct {
        enum token_kind kind;
        const char *address, *url;
    } cases[] = {
        {TOKEN_JOIN, "a.example:1", NULL}, /* of the other kind */
        {TOKEN_API, NULL, NULL},           /* nobody says where */
        {TOKEN_API, "a.example:1", "not an address"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[TOKEN_TEXT_SIZE];
        struct client *c = NULL;
        struct err e;
        make(cases[i].kind, cases[i].address, text);
        struct client_options o = {.token = text, .url = cases[i].url};
        assert_int_not_equal(client_new(&o, &c, &e), 0);
        assert_null(c);
        /* token_parse overwrites its own copy, the client the one that it got */
        if (seen.tokens != 2) fail_msg("case %zu: %d copies were overwritten", i, seen.tokens);
    }
}

static void client_that_is_made__overwrites_its_token(void **state)
{
    (void)state;
    char text[TOKEN_TEXT_SIZE];
    struct client *c = NULL;
    struct err e;
    make(TOKEN_API, "a.example:1", text);
    struct client_options o = {.token = text};
    assert_int_equal(client_new(&o, &c, &e), 0);
    assert_int_equal(seen.tokens, 2);
    client_free(c);
}

static int set_up(void **state)
{
    (void)state;
    return pki_init(NULL);
}

static int tear_down(void **state)
{
    (void)state;
    pki_fini();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_that_cannot_be_made__overwrites_its_token),
        cmocka_unit_test(client_that_is_made__overwrites_its_token),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
