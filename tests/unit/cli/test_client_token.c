/* The making of a client: its token is overwritten in memory, however far that got; and where the
 * coordinator is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/client_impl.h"
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
        {TOKEN_API, "a.example:1", ""},
        {TOKEN_API, "a.example:1", ","},
        {TOKEN_API, "a.example:1", "b.example:1,"},
        {TOKEN_API, "a.example:1", "b.example:1,,c.example:1"},
        {TOKEN_API, "a.example:1", "b.example:1,c.example:99999"},
        {TOKEN_API, "a.example:1", "a,b,c,d,e,f,g,h,i"},
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

static void addresses__are_those_of_the_url_else_of_the_token(void **state)
{
    static const struct {
        const char *url, *hosts;
    } cases[] = {
        {NULL, "a.example:1 "},
        {"b.example", "b.example:7433 "},
        {"https://b.example:443/", "b.example:443 "},
        {"b.example:1,[::1]:2, https://c.example/ ,d", "b.example:1 ::1:2 c.example:7433 d:7433 "},
        {"a,b,c,d,e,f,g,h", "a:7433 b:7433 c:7433 d:7433 e:7433 f:7433 g:7433 h:7433 "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[TOKEN_TEXT_SIZE], found[400] = "";
        struct client *c = NULL;
        struct err e = {0};
        make(TOKEN_API, "a.example:1", text);
        struct client_options o = {.token = text, .url = cases[i].url};
        if (client_new(&o, &c, &e)) fail_msg("%s: %s", cases[i].url, err_text(&e));
        for (size_t k = 0; k < c->addresses; k++) {
            size_t len = strlen(found);
            (void)str_format(found + len, sizeof found - len, "%s:%u ", c->host[k], c->port[k]);
        }
        assert_string_equal(found, cases[i].hosts);
        client_free(c);
    }
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
        cmocka_unit_test(addresses__are_those_of_the_url_else_of_the_token),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
