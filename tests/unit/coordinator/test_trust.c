/* The state folder: what init makes and never destroys; certificates that stay young;
 * configuration. */
#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/coordinator.h"
#include "base/map.h"
#include "coordinator/trust/authority.h"
#include "coordinator/trust/names.h"
#include "platform/files.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "wire/pki.h"
#include "wire/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <uv.h>

#define DAY_MS INT64_C(86400000)

struct place {
    char *folder, *state, *file;
    struct config config;
};

static int setup(void **state)
{
    struct place *p = mem_alloc(sizeof *p);
    struct err e = {0};
    char *temp = paths_temp();
    p->folder = str_dupf("%s/cadre-trust-%016llx", temp, (unsigned long long)os_seed());
    p->state = paths_join(p->folder, "state");
    p->file = paths_join(p->folder, "c.yaml");
    mem_free(temp);
    assert_int_equal(dir_make(p->folder, FILE_SECRET, &e), 0);
    assert_int_equal(pki_init(&e), 0);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    struct err e = {0};
    assert_int_equal(dir_remove_tree(p->folder, &e), 0);
    pki_fini();
    mem_free(p->folder);
    mem_free(p->state);
    mem_free(p->file);
    mem_free(p);
    return 0;
}

/* The configuration from this file and these flags (NULL: none). */
static int load(struct place *p, const char *yaml, const char *flag, const char *value,
                struct err *e)
{
    struct opt_args args;
    char *argv[8] = {(char[]){"test"}, (char[]){"--config"}, p->file, (char[]){"--state"},
                     p->state};
    int argc = 5;
    char *f = mem_strdup(flag), *v = mem_strdup(value);
    if (f) argv[argc++] = f;
    if (v) argv[argc++] = v;
    assert_int_equal(file_write_plain(p->file, yaml, strlen(yaml), FILE_PUBLIC, e), 0);
    int rc = config_load(&p->config, argc, argv, &args, e);
    mem_free(f);
    mem_free(v);
    return rc;
}

static void load_good(struct place *p)
{
    struct err e = {0};
    if (load(p, "", "--listen", "127.0.0.1:0", &e)) fail_msg("%s", e.msg);
}

static char *read_file(const struct place *p, const char *name)
{
    struct buf b;
    struct err e = {0};
    char *path = paths_join(p->state, name);
    buf_init(&b, 1 << 20);
    if (file_read(path, 1 << 20, &b, &e)) fail_msg("%s", e.msg);
    mem_free(path);
    return buf_detach(&b);
}

static void remove_file(const struct place *p, const char *name)
{
    struct err e;
    char *path = paths_join(p->state, name);
    assert_int_equal(file_remove(path, &e), 0);
    mem_free(path);
}

/* ---- init ---- */

static void init__twice__changes_nothing_and_says_what_is_there(void **state)
{
    struct place *p = *state;
    struct err e = {0};
    load_good(p);
    assert_int_equal(coordinator_init(&p->config, &e), 0);
    char *ca = read_file(p, "ca.pem"), *token = read_file(p, "admin.token");
    assert_int_equal(coordinator_init(&p->config, &e), ERR_EXISTS);
    assert_non_null(strstr(e.msg, "ca.key"));
    assert_non_null(strstr(e.msg, "cadre.db"));
    char *ca2 = read_file(p, "ca.pem"), *token2 = read_file(p, "admin.token");
    assert_string_equal(ca, ca2);
    assert_string_equal(token, token2);
    mem_free(ca);
    mem_free(ca2);
    mem_free(token);
    mem_free(token2);
    config_fini(&p->config);
}

static void init__secrets__are_readable_by_the_owner_alone(void **state)
{
    static const char *const secrets[] = {"ca.key", "server.key", "admin.token", "cadre.db"};
    struct place *p = *state;
    struct err e = {0};
    load_good(p);
    assert_int_equal(coordinator_init(&p->config, &e), 0);
    for (size_t i = 0; i < 4; i++) {
        char *path = paths_join(p->state, secrets[i]);
        assert_true(file_exists(path));
        assert_false(file_is_exposed(path));
        mem_free(path);
    }
    config_fini(&p->config);
}

static void init__lost_admin_token__makes_another_beside_the_old_ca(void **state)
{
    struct place *p = *state;
    struct err e = {0};
    load_good(p);
    assert_int_equal(coordinator_init(&p->config, &e), 0);
    char *ca = read_file(p, "ca.pem"), *token = read_file(p, "admin.token");
    remove_file(p, "admin.token");
    assert_int_equal(coordinator_init(&p->config, &e), 0);
    char *ca2 = read_file(p, "ca.pem"), *token2 = read_file(p, "admin.token");
    assert_string_equal(ca, ca2);
    assert_string_not_equal(token, token2);
    mem_free(ca);
    mem_free(ca2);
    mem_free(token);
    mem_free(token2);
    config_fini(&p->config);
}

static void init__database_without_its_ca__is_refused(void **state)
{
    struct place *p = *state;
    struct err e = {0};
    load_good(p);
    assert_int_equal(coordinator_init(&p->config, &e), 0);
    remove_file(p, "ca.key");
    remove_file(p, "ca.pem");
    assert_int_equal(coordinator_init(&p->config, &e), ERR_CORRUPT);
    assert_non_null(strstr(e.msg, "backup"));
    config_fini(&p->config);
}

static void init__certificate_without_its_key__is_refused(void **state)
{
    struct place *p = *state;
    struct err e = {0};
    load_good(p);
    assert_int_equal(coordinator_init(&p->config, &e), 0);
    remove_file(p, "ca.key");
    remove_file(p, "cadre.db");
    assert_int_equal(coordinator_init(&p->config, &e), ERR_CORRUPT);
    assert_non_null(strstr(e.msg, "ca.key"));
    config_fini(&p->config);
}

static void run__not_initialised__says_how(void **state)
{
    struct place *p = *state;
    struct err e = {0};
    struct coordinator *c;
    uv_loop_t loop;
    load_good(p);
    uv_loop_init(&loop);
    assert_int_equal(coordinator_start(&loop, &p->config, NULL, &c, &e), ERR_NOT_FOUND);
    assert_non_null(strstr(e.msg, "cadre-coordinator init"));
    assert_int_equal(uv_loop_close(&loop), 0);
    config_fini(&p->config);
}

static void on_stopped(void *user)
{
    coordinator_free(*(struct coordinator **)user);
}

static void run__second_one_on_the_folder__is_refused(void **state)
{
    struct place *p = *state;
    struct err e = {0};
    struct coordinator *c, *second;
    uv_loop_t loop;
    load_good(p);
    uv_loop_init(&loop);
    assert_int_equal(coordinator_init(&p->config, &e), 0);
    assert_int_equal(coordinator_start(&loop, &p->config, NULL, &c, &e), 0);
    assert_int_equal(coordinator_start(&loop, &p->config, NULL, &second, &e), ERR_CONFLICT);
    assert_non_null(strstr(e.msg, "running"));
    char *port = read_file(p, "port");
    assert_true(str_starts(port, "127.0.0.1:"));
    mem_free(port);
    coordinator_stop(c, on_stopped, &c);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    config_fini(&p->config);
}

static void run__keys_that_do_not_belong_together__are_refused(void **state)
{
    struct place *p = *state;
    struct err e = {0};
    struct coordinator *c;
    struct pki_key *other;
    char *pem, *path = paths_join(p->state, "ca.key");
    uv_loop_t loop;
    load_good(p);
    uv_loop_init(&loop);
    assert_int_equal(coordinator_init(&p->config, &e), 0);
    assert_int_equal(pki_key_generate(&other, &e), 0);
    assert_int_equal(pki_key_format(other, &pem, &e), 0);
    assert_int_equal(file_write_atomic(path, pem, strlen(pem), FILE_SECRET, &e), 0);
    assert_int_equal(coordinator_start(&loop, &p->config, NULL, &c, &e), ERR_CORRUPT);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    mem_free(pem);
    mem_free(path);
    pki_key_free(other);
    config_fini(&p->config);
}

static void admin_token__port_chosen_by_the_system__is_kept_up_to_date(void **state)
{
    struct place *p = *state;
    struct err e = {0};
    struct coordinator *c;
    struct token before, after;
    uv_loop_t loop;
    load_good(p);
    uv_loop_init(&loop);
    assert_int_equal(coordinator_init(&p->config, &e), 0);
    char *text = read_file(p, "admin.token");
    assert_int_equal(token_parse(text, &before, &e), 0);
    mem_free(text);
    assert_int_equal(coordinator_start(&loop, &p->config, NULL, &c, &e), 0);
    text = read_file(p, "admin.token");
    assert_int_equal(token_parse(text, &after, &e), 0);
    mem_free(text);
    assert_string_equal(after.address[0], coordinator_address(c));
    assert_int_equal(before.id, after.id);
    assert_memory_equal(before.secret, after.secret, sizeof before.secret);
    coordinator_stop(c, on_stopped, &c);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    config_fini(&p->config);
}

/* ---- one of several ---- */

static void check_reachable(struct place *p, const char *file, const char *wanted)
{
    struct err e = {0};
    if (load(p, file, NULL, NULL, &e)) fail_msg("%s", e.msg);
    char *list = names_reachable(&p->config, 7433);
    assert_string_equal(list, wanted);
    mem_free(list);
    config_fini(&p->config);
}

static void advertise__names_all_coordinators__each_knows_its_own_address(void **state)
{
    struct place *p = *state;
    check_reachable(p, "listen: 10.9.8.7:7433\nadvertise: [10.9.8.6, 10.9.8.7]\n",
                    "[\"10.9.8.7:7433\"]");
    /* several on one host */
    check_reachable(p, "listen: 127.0.0.1:7433\nadvertise: ['127.0.0.1:7434', '127.0.0.1:7433']\n",
                    "[\"127.0.0.1:7433\"]");
    /* behind something that maps addresses and ports */
    check_reachable(p,
                    "listen: 10.9.8.7:7433\nnames: [b.example.com, a]\n"
                    "advertise: ['c.example.com:9', 'b.example.com:8', 'a.example.com:9']\n",
                    "[\"b.example.com:8\",\"a.example.com:9\"]");
    /* one address that leads to all of them is nobody's */
    check_reachable(p, "listen: 10.9.8.7:7433\nadvertise: [all.example.com]\n",
                    "[\"10.9.8.7:7433\"]");
}

/* ---- certificates ---- */

static void names__told_to_init__need_not_be_told_again(void **state)
{
    struct place *p = *state;
    struct names names;
    struct err e = {0};
    if (load(p, "", "--name", "queue.example.com", &e)) fail_msg("%s", e.msg);
    assert_int_equal(dir_make(p->state, FILE_SECRET, &e), 0);
    assert_int_equal(names_keep(&p->config, &e), 0);
    config_fini(&p->config);
    load_good(p);
    assert_int_equal(names_keep(&p->config, &e), 0); /* told nothing, it forgets nothing */
    assert_int_equal(names_gather(&p->config, &names, &e), 0);
    assert_string_equal(names.items[0], "queue.example.com");
    names_fini(&names);
    char *kept = read_file(p, "names");
    assert_string_equal(kept, "queue.example.com\n");
    mem_free(kept);
    config_fini(&p->config);
}

static void names__kept_with_a_line_that_is_none__are_refused_with_its_place(void **state)
{
    static const char text[] = "queue.example.com\r\n\n::1\nqueue 1\n";
    struct place *p = *state;
    struct names names;
    struct err e = {0};
    load_good(p);
    assert_int_equal(dir_make(p->state, FILE_SECRET, &e), 0);
    char *path = paths_join(p->state, "names");
    assert_int_equal(file_write_atomic(path, text, sizeof text - 1, FILE_PUBLIC, &e), 0);
    assert_int_equal(names_gather(&p->config, &names, &e), ERR_INVALID);
    assert_int_equal(names.count, 0);
    assert_non_null(strstr(e.msg, path));
    assert_non_null(strstr(e.msg, "names:4: 'queue 1' is"));
    assert_non_null(strstr(e.msg, "mend the line, or take it out"));
    mem_free(path);
    config_fini(&p->config);
}

static void server_certificate__two_thirds_over_or_name_missing__is_issued_anew(void **state)
{
    struct place *p = *state;
    struct authority *a;
    struct names names;
    struct err e = {0};
    bool changed;
    int64_t now_ms = os_wall_ms();
    load_good(p);
    assert_int_equal(dir_make(p->state, FILE_SECRET, &e), 0);
    assert_int_equal(authority_make(p->state, now_ms, &e), 0);
    assert_int_equal(names_gather(&p->config, &names, &e), 0);
    assert_int_equal(authority_open(p->state, 90 * DAY_MS, &names, now_ms, &a, &e), 0);
    assert_int_equal(authority_refresh(a, &names, now_ms + 59 * DAY_MS, &changed, &e), 0);
    assert_false(changed);
    assert_int_equal(authority_refresh(a, &names, now_ms + 61 * DAY_MS, &changed, &e), 0);
    assert_true(changed);
    assert_int_equal(authority_refresh(a, &names, now_ms + 61 * DAY_MS, &changed, &e), 0);
    assert_false(changed);
    assert_true(names.count < PKI_SAN_MAX);
    names.items[names.count++] = mem_strdup("queue.example.com");
    assert_int_equal(authority_refresh(a, &names, now_ms + 61 * DAY_MS, &changed, &e), 0);
    assert_true(changed);
    char *pem = read_file(p, "server.pem");
    const char *missing;
    const char *want[] = {"queue.example.com", "localhost", "127.0.0.1", "::1"};
    assert_int_equal(pki_cert_has_names(pem, want, 4, &missing, &e), 0);
    assert_null(missing);
    mem_free(pem);
    authority_free(a);
    names_fini(&names);
    config_fini(&p->config);
}

static void certificates__that_live_for_seconds__are_renewed_in_their_last_third(void **state)
{
    struct place *p = *state;
    struct authority *a;
    struct names names;
    struct pki_key *key;
    struct pki_cert_info info;
    struct err e = {0};
    char *csr, *pem;
    int64_t now_ms = os_wall_ms() / 1000 * 1000;
    load_good(p);
    assert_int_equal(dir_make(p->state, FILE_SECRET, &e), 0);
    assert_int_equal(authority_make(p->state, now_ms, &e), 0);
    assert_int_equal(names_gather(&p->config, &names, &e), 0);
    assert_int_equal(authority_open(p->state, 12000, &names, now_ms, &a, &e), 0);
    assert_in_range(authority_wait_ms(a, now_ms), 6000, 9000);
    assert_int_equal(pki_key_generate(&key, &e), 0);
    assert_int_equal(pki_csr_make(key, "whatever", &csr, &e), 0);
    assert_int_equal(authority_sign(a, csr, 12345678901234, now_ms, &pem, &e), 0);
    assert_int_equal(pki_cert_info(pem, &info, &e), 0);
    assert_in_range(info.not_after_ms - info.not_before_ms, 11000, 15000);
    assert_int_equal(strlen(info.subject_cn), 13); /* the id, not what the request wished for */
    mem_free(pem);
    mem_free(csr);
    pki_key_free(key);
    authority_free(a);
    names_fini(&names);
    config_fini(&p->config);
}

static void certificates__never_outlive_the_ca(void **state)
{
    struct place *p = *state;
    struct authority *a;
    struct names names;
    struct pki_key *key;
    struct pki_cert_info info;
    struct err e = {0};
    char *csr, *pem;
    int64_t now_ms = os_wall_ms(), late_ms = now_ms + AUTHORITY_LIFE_MS - DAY_MS;
    load_good(p);
    assert_int_equal(dir_make(p->state, FILE_SECRET, &e), 0);
    assert_int_equal(authority_make(p->state, now_ms, &e), 0);
    assert_int_equal(names_gather(&p->config, &names, &e), 0);
    assert_int_equal(authority_open(p->state, 90 * DAY_MS, &names, now_ms, &a, &e), 0);
    assert_int_equal(pki_key_generate(&key, &e), 0);
    assert_int_equal(pki_csr_make(key, "x", &csr, &e), 0);
    assert_int_equal(authority_sign(a, csr, 12345678901234, late_ms, &pem, &e), 0);
    assert_int_equal(pki_cert_info(pem, &info, &e), 0);
    assert_true(info.not_after_ms <= now_ms + AUTHORITY_LIFE_MS);
    mem_free(pem);
    mem_free(csr);
    pki_key_free(key);
    authority_free(a);
    names_fini(&names);
    config_fini(&p->config);
}

/* ---- names and tokens ---- */

static void token_addresses__advertise__goes_before_what_was_found(void **state)
{
    struct place *p = *state;
    struct err e = {0};
    struct token t = {0};
    if (load(p, "listen: 0.0.0.0:0\nadvertise: [queue.example.com, 'q2:9000', '[2001:db8::1]:9']\n",
             NULL, NULL, &e))
        fail_msg("%s", e.msg);
    names_for_token(&p->config, 7001, false, &t);
    assert_int_equal(t.address_count, 3);
    assert_string_equal(t.address[0], "queue.example.com:7001");
    assert_string_equal(t.address[1], "q2:9000");
    assert_string_equal(t.address[2], "[2001:db8::1]:9");
    names_for_token(&p->config, 7001, true, &t);
    assert_string_equal(t.address[0], "127.0.0.1:7001"); /* on this host first */
    struct names names;
    assert_int_equal(names_gather(&p->config, &names, &e), 0);
    assert_string_equal(names.items[0], "queue.example.com");
    assert_string_equal(names.items[1], "q2");
    assert_string_equal(names.items[2], "2001:db8::1");
    names_fini(&names);
    config_fini(&p->config);
}

static void advertised__is_what_the_operator_named_and_nothing_else(void **state)
{
    struct place *p = *state;
    struct err e = {0};
    if (load(p, "listen: 0.0.0.0:0\nadvertise: [queue.example.com, '[2001:db8::1]:9']\n", NULL,
             NULL, &e))
        fail_msg("%s", e.msg);
    char *text = names_advertised(&p->config, 7001);
    assert_string_equal(text, "[\"queue.example.com:7001\",\"[2001:db8::1]:9\"]");
    mem_free(text);
    config_fini(&p->config);
    if (load(p, "", "--listen", "127.0.0.1:0", &e)) fail_msg("%s", e.msg);
    assert_null(names_advertised(&p->config, 7001));
    config_fini(&p->config);
}

static void token_addresses__loopback_only__is_the_loopback(void **state)
{
    struct place *p = *state;
    struct err e = {0};
    struct token t = {0};
    if (load(p, "", "--listen", "[::1]:0", &e)) fail_msg("%s", e.msg);
    names_for_token(&p->config, 7001, false, &t);
    assert_int_equal(t.address_count, 1);
    assert_string_equal(t.address[0], "[::1]:7001");
    config_fini(&p->config);
}

static void token_addresses__many_long_names__leave_a_token_that_can_be_sent(void **state)
{
    struct place *p = *state;
    struct err e = {0};
    struct token t = {.id = 5};
    char text[TOKEN_TEXT_SIZE];
    struct buf yaml;
    buf_init(&yaml, 8192);
    buf_adds(&yaml, "advertise: [");
    for (int i = 0; i < 8; i++)
        buf_addf(&yaml, "%sa-rather-long-name-of-a-host-number-%d.in.a.long.domain.example.com",
                 i ? ", " : "", i);
    buf_adds(&yaml, "]\n");
    if (load(p, yaml.data, NULL, NULL, &e)) fail_msg("%s", e.msg);
    names_for_token(&p->config, 7433, false, &t);
    assert_true(t.address_count >= 2);
    assert_int_equal(token_format(&t, text, sizeof text), 0);
    assert_true(strlen(text) <= 512);
    buf_fini(&yaml);
    config_fini(&p->config);
}

/* ---- configuration ---- */

static void config__wrong_values__are_refused_with_their_place(void **state)
{
    static const struct {
        const char *yaml, *part;
    } bad[] = {
        {"lisen: 0.0.0.0:1\n", "listen"},
        {"lease: 5\n", "lease"},
        {"lease: 5x\n", "lease"},
        {"lease: 100ms\n", "lease"},
        {"lease: 10s\nheartbeat: 4s\n", "a third"},
        {"heartbeat: 2m\n", "a third"},
        {"limits: {output: 64M}\n", "output"},
        {"limits: {payload: 10MiB}\n", "payload"},
        {"limits: {agents: 0}\n", "agents"},
        {"limits: {agent: 5}\n", "agents"},
        {"limits: 5\n", "limits"},
        {"certificateLife: 5s\n", "certificateLife"},
        {"listen: nowhere:99999\n", "99999"},
        {"advertise: ['http://x']\n", "http"},
        {"logLevel: loud\n", "loud"},
        {"a: b: c\n", "c.yaml"},
        {"retention: [1]\n", "retention"},
    };
    struct place *p = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err e = {0};
        if (load(p, bad[i].yaml, NULL, NULL, &e) == 0) fail_msg("taken: %s", bad[i].yaml);
        if (!strstr(e.msg, bad[i].part)) fail_msg("%s: %s", bad[i].yaml, e.msg);
    }
}

static void config__named_file_that_is_not_there__is_an_error(void **state)
{
    struct place *p = *state;
    struct err e = {0};
    struct opt_args args;
    char *argv[] = {(char[]){"test"}, (char[]){"--config"}, p->file, NULL};
    assert_int_equal(config_load(&p->config, 3, argv, &args, &e), ERR_NOT_FOUND);
    assert_non_null(strstr(e.msg, "c.yaml"));
}

static void config__short_lease__takes_the_heartbeat_along(void **state)
{
    struct place *p = *state;
    struct err e = {0};
    if (load(p, "lease: 9s\n", NULL, NULL, &e)) fail_msg("%s", e.msg);
    assert_int_equal(p->config.heartbeat_ms, 3000);
    config_fini(&p->config);
}

static void config__flag_and_file__flag_wins(void **state)
{
    struct place *p = *state;
    struct err e = {0};
    if (load(p, "listen: 0.0.0.0:1\n", "--listen", "127.0.0.1:2", &e)) fail_msg("%s", e.msg);
    assert_string_equal(p->config.listen, "127.0.0.1:2");
    assert_int_equal(p->config.output_limit_bytes, 64 << 20);
    assert_int_equal(p->config.certificate_life_ms, 90 * DAY_MS);
    config_fini(&p->config);
}

/* ---- the table of numbers ---- */

static void map__random_puts_and_removes__behaves_like_an_array(void **state)
{
    enum { KEYS = 500 };
    static char values[KEYS];
    bool there[KEYS] = {false};
    struct map m;
    struct rng r;
    (void)state;
    map_init(&m);
    rng_init(&r, 42);
    assert_null(map_find(&m, 5));
    assert_null(map_remove(&m, 5));
    for (int i = 0; i < 200000; i++) {
        size_t k = (size_t)rng_below(&r, KEYS);
        uint64_t key = (k + 1) << (k % 3 ? 0 : 40); /* in rows, and far apart */
        if (rng_below(&r, 2)) {
            map_put(&m, key, &values[k]);
            there[k] = true;
        } else {
            assert_ptr_equal(map_remove(&m, key), there[k] ? &values[k] : NULL);
            there[k] = false;
        }
    }
    size_t count = 0, walked = 0, place = 0;
    for (size_t k = 0; k < KEYS; k++) {
        uint64_t key = (k + 1) << (k % 3 ? 0 : 40);
        assert_ptr_equal(map_find(&m, key), there[k] ? &values[k] : NULL);
        count += there[k];
    }
    while (map_next(&m, &place))
        walked++;
    assert_int_equal(m.count, count);
    assert_int_equal(walked, count);
    map_fini(&m);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(init__twice__changes_nothing_and_says_what_is_there),
        CASE(init__secrets__are_readable_by_the_owner_alone),
        CASE(init__lost_admin_token__makes_another_beside_the_old_ca),
        CASE(init__database_without_its_ca__is_refused),
        CASE(init__certificate_without_its_key__is_refused),
        CASE(run__not_initialised__says_how),
        CASE(run__second_one_on_the_folder__is_refused),
        CASE(run__keys_that_do_not_belong_together__are_refused),
        CASE(admin_token__port_chosen_by_the_system__is_kept_up_to_date),
        CASE(advertise__names_all_coordinators__each_knows_its_own_address),
        CASE(names__told_to_init__need_not_be_told_again),
        CASE(names__kept_with_a_line_that_is_none__are_refused_with_its_place),
        CASE(server_certificate__two_thirds_over_or_name_missing__is_issued_anew),
        CASE(certificates__that_live_for_seconds__are_renewed_in_their_last_third),
        CASE(certificates__never_outlive_the_ca),
        CASE(token_addresses__advertise__goes_before_what_was_found),
        CASE(advertised__is_what_the_operator_named_and_nothing_else),
        CASE(token_addresses__loopback_only__is_the_loopback),
        CASE(token_addresses__many_long_names__leave_a_token_that_can_be_sent),
        CASE(config__wrong_values__are_refused_with_their_place),
        CASE(config__named_file_that_is_not_there__is_an_error),
        CASE(config__short_lease__takes_the_heartbeat_along),
        CASE(config__flag_and_file__flag_wins),
        cmocka_unit_test(map__random_puts_and_removes__behaves_like_an_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
