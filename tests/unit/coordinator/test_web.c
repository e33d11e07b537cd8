/* coordinator/web: which certificates and keys are taken, and what is said of the others. */
#include "coordinator/web.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "tests/pki/pki_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <uv.h>

#include <cmocka.h>

struct world {
    struct fixture_pki pki, foreign;
    char *folder;
    struct config config;
};

static void put(const struct world *w, const char *name, const char *text, size_t len)
{
    char *path = paths_join(w->folder, name);
    assert_int_equal(file_write_plain(path, text, len, FILE_SECRET, NULL), 0);
    mem_free(path);
}

static void put_text(const struct world *w, const char *name, const char *text)
{
    put(w, name, text, strlen(text));
}

static int set_up(void **state)
{
    struct err e = {0};
    struct world *w = mem_alloc(sizeof *w);
    char *temp = paths_temp();
    assert_int_equal(pki_init(&e), 0);
    fixture_pki_init(&w->pki, "Test CA");
    fixture_pki_init(&w->foreign, "Foreign CA");
    w->folder = str_dupf("%s/cadre-web-%016llx", temp, (unsigned long long)os_seed());
    mem_free(temp);
    assert_int_equal(dir_make(w->folder, FILE_SECRET, &e), 0);
    w->config.web_listen = mem_strdup("127.0.0.1:0");
    w->config.web_certificate = paths_join(w->folder, "web.pem");
    w->config.web_key = paths_join(w->folder, "web.key");
    put_text(w, "web.pem", w->pki.server.cert_pem);
    put_text(w, "web.key", w->pki.server.key_pem);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    (void)dir_remove_tree(w->folder, NULL);
    fixture_pki_fini(&w->pki);
    fixture_pki_fini(&w->foreign);
    mem_free(w->config.web_listen);
    mem_free(w->config.web_certificate);
    mem_free(w->config.web_key);
    mem_free(w->folder);
    mem_free(w);
    pki_fini();
    return 0;
}

/* The sentence has both parts. */
static void refused(const struct world *w, const char *first, const char *second)
{
    struct err e = {0};
    assert_int_not_equal(web_check(&w->config, &e), 0);
    if (!strstr(e.msg, first) || !strstr(e.msg, second))
        fail_msg("'%s' and '%s' are not in: %s", first, second, e.msg);
}

static void files__that_belong_together__are_taken(void **state)
{
    struct world *w = *state;
    struct err e = {0};
    assert_int_equal(web_check(&w->config, &e), 0);
}

static void files__without_a_port__are_not_looked_at(void **state)
{
    struct config none = {0};
    struct err e = {0};
    struct web *web = NULL;
    (void)state;
    assert_int_equal(web_check(&none, &e), 0);
    assert_int_equal(web_open(&none, NULL, &web, &e), 0);
    assert_null(web);
    assert_null(web_address(web));
    web_again(web);
    web_close(web);
}

static void files__of_two_pairs__are_refused(void **state)
{
    struct world *w = *state;
    put_text(w, "web.key", w->foreign.server.key_pem);
    refused(w, "web.key: ", "does not belong to the certificate");
}

static void certificate__that_is_none__is_refused_by_key_and_file(void **state)
{
    struct world *w = *state;
    const char *const bad[] = {"nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n",
                               w->pki.server.key_pem};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put_text(w, "web.pem", bad[i]);
        refused(w, "web.certificate: ", "web.pem");
    }
    put_text(w, "web.pem", "");
    refused(w, "web.certificate: ", "web.pem is empty; it is to be a file with the server's");
    put(w, "web.pem", "a\0b", 3);
    refused(w, "web.certificate: ", "web.pem is no text");
    assert_int_equal(file_remove(w->config.web_certificate, NULL), 0);
    refused(w, "web.certificate: ", "web.pem");
}

static void key__that_is_none__is_refused_by_key_and_file(void **state)
{
    struct world *w = *state;
    put_text(w, "web.key", w->pki.server.cert_pem);
    refused(w, "web.key: ", "web.key");
    put_text(w, "web.key", "");
    refused(w, "web.key: ", "web.key is empty; it is to be the file with the certificate's key");
    assert_int_equal(file_remove(w->config.web_key, NULL), 0);
    refused(w, "web.key: ", "web.key");
}

static void file__of_many_bytes__is_refused(void **state)
{
    struct world *w = *state;
    size_t len = WEB_FILE_BYTES + 1;
    char *text = mem_alloc(len);
    memset(text, '\n', len);
    put(w, "web.pem", text, len);
    refused(w, "web.certificate: ", "web.pem");
    mem_free(text);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#define DAY_MS (24 * FIXTURE_HOUR_MS)

/* Reads the files again; wants the end of the certificate in use there, to the minute. */
static void ends_at(uv_loop_t *loop, struct web *web, int64_t until_ms)
{
    struct span life;
    web_again(web); /* one job of the loop's threads: its end is the next event */
    uv_run(loop, UV_RUN_ONCE);
    web_life(web, &life);
    assert_in_range(life.until_ms, until_ms - 60000, until_ms + 60000);
    assert_true(life.from_ms < life.until_ms);
}

static void life__is_that_of_the_certificate_in_use(void **state)
{
    struct world *w = *state;
    struct fixture_cert ending;
    struct web *web = NULL;
    struct err e = {0};
    uv_loop_t loop;
    int64_t now_ms = fixture_now_ms();
    struct span none;
    web_life(NULL, &none);
    assert_int_equal(none.from_ms, 0);
    assert_int_equal(none.until_ms, 0);
    fixture_issue(&w->pki, PKI_SERVER, "localhost", "localhost", -80 * DAY_MS, 10 * DAY_MS,
                  &ending);
    put_text(w, "web.pem", ending.cert_pem);
    put_text(w, "web.key", ending.key_pem);
    assert_int_equal(uv_loop_init(&loop), 0);
    const struct link_listen_options o = {.loop = &loop};
    assert_int_equal(web_open(&w->config, &o, &web, &e), 0);
    ends_at(&loop, web, now_ms + 10 * DAY_MS);
    put_text(w, "web.pem", "broken"); /* changes nothing */
    ends_at(&loop, web, now_ms + 10 * DAY_MS);
    fixture_cert_free(&ending);
    fixture_issue(&w->pki, PKI_SERVER, "localhost", "localhost", 0, 90 * DAY_MS, &ending);
    put_text(w, "web.pem", ending.cert_pem);
    put_text(w, "web.key", ending.key_pem);
    ends_at(&loop, web, now_ms + 90 * DAY_MS);
    fixture_cert_free(&ending);
    web_close(web);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(files__that_belong_together__are_taken),
        CASE(files__without_a_port__are_not_looked_at),
        CASE(files__of_two_pairs__are_refused),
        CASE(certificate__that_is_none__is_refused_by_key_and_file),
        CASE(life__is_that_of_the_certificate_in_use),
        CASE(key__that_is_none__is_refused_by_key_and_file),
        CASE(file__of_many_bytes__is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
