/* Keys, requests and certificates. */
#include "base/mem.h"
#include "base/str.h"
#include "tests/pki/pki_fixture.h"
#include "wire/pki.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <mbedtls/ecp.h>
#include <mbedtls/pk.h>
#include <mbedtls/psa_util.h>
#include <mbedtls/x509_csr.h>

static struct pki_issue issue_of(enum pki_usage usage, const char *cn)
{
    return (struct pki_issue){.usage = usage,
                              .common_name = cn,
                              .not_before_ms = fixture_now_ms() - FIXTURE_HOUR_MS,
                              .not_after_ms = fixture_now_ms() + FIXTURE_HOUR_MS};
}

/* As a certificate of the key has it. */
static void hash_of(const struct pki_key *k, uint8_t out[PKI_HASH_BYTES])
{
    struct err e = {0};
    char *pem = NULL;
    struct pki_cert_info i;
    struct pki_issue what = issue_of(PKI_CA, "any");
    assert_int_equal(pki_issue(&what, &(struct pki_issuer){k, NULL}, k, NULL, &pem, &e), 0);
    assert_int_equal(pki_cert_info(pem, &i, &e), 0);
    memcpy(out, i.spki_hash, PKI_HASH_BYTES);
    mem_free(pem);
}

static void key_text__written_and_read__is_the_same_key(void **state)
{
    (void)state;
    struct err e = {0};
    struct pki_key *a = NULL, *b = NULL;
    char *pem = NULL;
    uint8_t ha[PKI_HASH_BYTES], hb[PKI_HASH_BYTES];
    assert_int_equal(pki_key_generate(&a, &e), 0);
    assert_int_equal(pki_key_format(a, &pem, &e), 0);
    assert_int_equal(pki_key_parse(pem, &b, &e), 0);
    hash_of(a, ha);
    hash_of(b, hb);
    assert_memory_equal(ha, hb, sizeof(ha));
    mem_free(pem);
    pki_key_free(a);
    pki_key_free(b);
}

static void keys__made_twice__differ(void **state)
{
    (void)state;
    struct err e = {0};
    struct pki_key *a = NULL, *b = NULL;
    uint8_t ha[PKI_HASH_BYTES], hb[PKI_HASH_BYTES];
    assert_int_equal(pki_key_generate(&a, &e), 0);
    assert_int_equal(pki_key_generate(&b, &e), 0);
    hash_of(a, ha);
    hash_of(b, hb);
    assert_memory_not_equal(ha, hb, sizeof(ha));
    pki_key_free(a);
    pki_key_free(b);
    uint8_t ra[16] = {0}, rb[16] = {0};
    assert_int_equal(pki_random(ra, sizeof(ra), &e), 0);
    assert_int_equal(pki_random(rb, sizeof(rb), &e), 0);
    assert_memory_not_equal(ra, rb, sizeof(ra));
}

static void sha256__of_abc__is_the_published_value(void **state)
{
    (void)state;
    /* FIPS 180-4, example in appendix B.1 of its first edition. */
    uint8_t h[PKI_HASH_BYTES];
    char hex[65];
    pki_sha256("abc", 3, h);
    str_hex(hex, h, sizeof(h));
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void key_text__not_a_key__is_refused(void **state)
{
    struct fixture_pki *p = *state;
    struct err e = {0};
    struct pki_key *k = NULL;
    static const char *const bad[] = {
        "", "hello", "-----BEGIN EC PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(pki_key_parse(bad[i], &k, &e), ERR_INVALID);
        assert_null(k);
    }
    assert_int_equal(pki_key_parse(p->ca_pem, &k, &e), ERR_INVALID);
    char *cut = mem_strdup(p->client.key_pem);
    for (size_t len = strlen(cut); len > 20;) {
        len -= 20;
        cut[len] = '\0';
        assert_int_not_equal(pki_key_parse(cut, &k, &e), 0);
    }
    mem_free(cut);
    char *huge = mem_alloc(PKI_PEM_MAX + 2);
    memset(huge, 'A', PKI_PEM_MAX + 1);
    assert_int_equal(pki_key_parse(huge, &k, &e), ERR_TOO_LARGE);
    mem_free(huge);
}

/* A key on another curve and a request made with it: well-formed, and yet not ours. */
static void key_and_request__of_another_curve__are_refused(void **state)
{
    struct fixture_pki *p = *state;
    struct err e = {0};
    unsigned char text[2048];
    char *pem = NULL;
    uint8_t hash[PKI_HASH_BYTES];
    struct pki_key *k = NULL;
    mbedtls_pk_context pk;
    mbedtls_pk_init(&pk);
    assert_int_equal(mbedtls_pk_setup(&pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)), 0);
    assert_int_equal(mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP384R1, mbedtls_pk_ec(pk),
                                         mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE),
                     0);
    assert_int_equal(mbedtls_pk_write_key_pem(&pk, text, sizeof(text)), 0);
    assert_int_equal(pki_key_parse((const char *)text, &k, &e), ERR_INVALID);
    assert_non_null(strstr(e.msg, "P-256"));
    mbedtls_x509write_csr w;
    mbedtls_x509write_csr_init(&w);
    mbedtls_x509write_csr_set_md_alg(&w, MBEDTLS_MD_SHA384);
    mbedtls_x509write_csr_set_key(&w, &pk);
    assert_int_equal(mbedtls_x509write_csr_set_subject_name(&w, "CN=x"), 0);
    assert_int_equal(mbedtls_x509write_csr_pem(&w, text, sizeof(text), mbedtls_psa_get_random,
                                               MBEDTLS_PSA_RANDOM_STATE),
                     0);
    assert_int_equal(pki_csr_check((const char *)text, hash, &e), ERR_INVALID);
    struct pki_issue what = issue_of(PKI_CLIENT, "x");
    assert_int_equal(pki_issue(&what, &(struct pki_issuer){p->ca_key, p->ca_pem}, NULL,
                               (const char *)text, &pem, &e),
                     ERR_INVALID);
    mbedtls_x509write_csr_free(&w);
    mbedtls_pk_free(&pk);
}

static void certificate__of_ca__says_what_was_asked_for(void **state)
{
    struct fixture_pki *p = *state;
    struct err e = {0};
    struct pki_cert_info i;
    assert_int_equal(pki_cert_info(p->ca_pem, &i, &e), 0);
    assert_string_equal(i.subject_cn, "Test CA");
    assert_true(i.ca);
    assert_memory_equal(i.spki_hash, p->pin, sizeof(p->pin));
    assert_int_equal(strlen(i.serial), 32);
    assert_int_equal(pki_cert_info(p->server.cert_pem, &i, &e), 0);
    assert_string_equal(i.subject_cn, "server");
    assert_false(i.ca);
}

static void certificate__times__are_kept_to_the_second(void **state)
{
    struct fixture_pki *p = *state;
    struct err e = {0};
    /* 2000-02-29, the end of UTCTime in 2049, GeneralizedTime from 2050, the last second of
     * X.509. */
    static const int64_t when_s[] = {951782400,           INT64_C(2524607999),
                                     INT64_C(2524608000), 1709251199,
                                     INT64_C(4107542400), INT64_C(253402300799),
                                     INT64_C(13569465600)};
    for (size_t n = 0; n < sizeof(when_s) / sizeof(when_s[0]); n++) {
        struct pki_issue what = issue_of(PKI_CLIENT, "x");
        what.not_before_ms = 1000;
        what.not_after_ms = when_s[n] * 1000;
        char *pem = NULL;
        struct pki_cert_info i;
        assert_int_equal(pki_issue(&what, &(struct pki_issuer){p->ca_key, p->ca_pem}, p->ca_key,
                                   NULL, &pem, &e),
                         0);
        assert_int_equal(pki_cert_info(pem, &i, &e), 0);
        assert_int_equal(i.not_before_ms, 1000);
        assert_int_equal(i.not_after_ms, when_s[n] * 1000);
        mem_free(pem);
    }
}

static void certificate__serials__differ(void **state)
{
    struct fixture_pki *p = *state;
    struct err e = {0};
    struct pki_cert_info a, b;
    struct fixture_cert c;
    fixture_issue(p, PKI_CLIENT, "agent1", NULL, 0, 1000, &c);
    assert_int_equal(pki_cert_info(c.cert_pem, &a, &e), 0);
    assert_int_equal(pki_cert_info(p->client.cert_pem, &b, &e), 0);
    assert_string_not_equal(a.serial, b.serial);
    fixture_cert_free(&c);
}

static void certificate__names__are_found_and_missed(void **state)
{
    struct fixture_pki *p = *state;
    struct err e = {0};
    const char *missing = "untouched";
    static const char *const all[] = {"localhost", "127.0.0.1", "::1", "LOCALHOST"};
    static const char *const more[] = {"localhost", "queue.example.com", "10.0.0.1"};
    static const char *const close[] = {"localhost.", "127.0.0.2", "::2", "local", "server", ""};
    assert_int_equal(pki_cert_has_names(p->server.cert_pem, all, 4, &missing, &e), 0);
    assert_null(missing);
    assert_int_equal(pki_cert_has_names(p->server.cert_pem, more, 3, &missing, &e), 0);
    assert_ptr_equal(missing, more[1]);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(pki_cert_has_names(p->server.cert_pem, &close[i], 1, &missing, &e), 0);
        assert_ptr_equal(missing, close[i]);
    }
    assert_int_equal(pki_cert_has_names(p->client.cert_pem, all, 1, &missing, &e), 0);
    assert_ptr_equal(missing, all[0]);
    assert_int_equal(pki_cert_has_names("nonsense", all, 1, &missing, &e), ERR_INVALID);
}

static void certificate__key__matches_its_own_only(void **state)
{
    struct fixture_pki *p = *state;
    struct err e = {0};
    struct pki_key *k = NULL;
    assert_int_equal(pki_key_parse(p->client.key_pem, &k, &e), 0);
    assert_true(pki_cert_matches_key(p->client.cert_pem, k));
    assert_false(pki_cert_matches_key(p->server.cert_pem, k));
    assert_false(pki_cert_matches_key("nonsense", k));
    pki_key_free(k);
}

static void certificate__strange_common_names__survive(void **state)
{
    struct fixture_pki *p = *state;
    struct err e = {0};
    static const char *const names[] = {"a,CN=root",        "a=b",         "#0403",
                                        " lead and trail ", "back\\slash", "\"quoted\"",
                                        "a+b<c>;d",         "Größe",       "tab\there"};
    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        struct pki_issue what = issue_of(PKI_CLIENT, names[n]);
        char *pem = NULL;
        struct pki_cert_info i;
        assert_int_equal(pki_issue(&what, &(struct pki_issuer){p->ca_key, p->ca_pem}, p->ca_key,
                                   NULL, &pem, &e),
                         0);
        assert_int_equal(pki_cert_info(pem, &i, &e), 0);
        assert_string_equal(i.subject_cn, names[n]);
        mem_free(pem);
    }
}

static void issue__bad_wishes__are_refused(void **state)
{
    struct fixture_pki *p = *state;
    struct err e = {0};
    char *pem = NULL;
    char long_name[300];
    memset(long_name, 'n', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    struct pki_issue what = issue_of(PKI_SERVER, "");
    assert_int_equal(pki_issue(&what, &(struct pki_issuer){p->ca_key, p->ca_pem}, p->ca_key, NULL,
                               &pem, &e),
                     ERR_INVALID);
    what = issue_of(PKI_SERVER, long_name);
    assert_int_equal(pki_issue(&what, &(struct pki_issuer){p->ca_key, p->ca_pem}, p->ca_key, NULL,
                               &pem, &e),
                     ERR_INVALID);
    what = issue_of(PKI_SERVER, "x");
    what.not_after_ms = what.not_before_ms;
    assert_int_equal(pki_issue(&what, &(struct pki_issuer){p->ca_key, p->ca_pem}, p->ca_key, NULL,
                               &pem, &e),
                     ERR_INVALID);
    static const char *const bad_names[] = {"", "white space", "a,b", "*", "http://x", "x:7433"};
    for (size_t i = 0; i < 6; i++) {
        what = issue_of(PKI_SERVER, "x");
        what.names = &bad_names[i];
        what.name_count = 1;
        assert_int_equal(pki_issue(&what, &(struct pki_issuer){p->ca_key, p->ca_pem}, p->ca_key,
                                   NULL, &pem, &e),
                         ERR_INVALID);
    }
    const char *many[PKI_SAN_MAX + 1];
    for (size_t i = 0; i <= PKI_SAN_MAX; i++)
        many[i] = "host";
    what.names = many;
    what.name_count = PKI_SAN_MAX + 1;
    assert_int_equal(pki_issue(&what, &(struct pki_issuer){p->ca_key, p->ca_pem}, p->ca_key, NULL,
                               &pem, &e),
                     ERR_TOO_LARGE);
    what.name_count = PKI_SAN_MAX;
    assert_int_equal(pki_issue(&what, &(struct pki_issuer){p->ca_key, p->ca_pem}, p->ca_key, NULL,
                               &pem, &e),
                     0);
    mem_free(pem);
    pem = NULL;
    what = issue_of(PKI_CLIENT, "x");
    assert_int_equal(pki_issue(&what, &(struct pki_issuer){p->ca_key, p->ca_pem}, NULL, NULL, &pem,
                               &e),
                     ERR_INVALID);
    assert_null(pem);
}

static void issue__key_of_another_ca__is_refused(void **state)
{
    struct fixture_pki *p = *state;
    struct err e = {0};
    struct pki_key *k = NULL;
    char *pem = NULL;
    struct pki_issue what = issue_of(PKI_CLIENT, "x");
    assert_int_equal(pki_key_generate(&k, &e), 0);
    assert_int_equal(pki_issue(&what, &(struct pki_issuer){k, p->ca_pem}, k, NULL, &pem, &e),
                     ERR_INVALID);
    assert_non_null(strstr(e.msg, "does not belong"));
    pki_key_free(k);
}

static void request__made_and_checked__gives_the_key_s_hash(void **state)
{
    struct fixture_pki *p = *state;
    struct err e = {0};
    struct pki_key *k = NULL;
    char *csr = NULL, *pem = NULL;
    uint8_t want[PKI_HASH_BYTES], got[PKI_HASH_BYTES];
    assert_int_equal(pki_key_generate(&k, &e), 0);
    assert_int_equal(pki_csr_make(k, "join", &csr, &e), 0);
    hash_of(k, want);
    assert_int_equal(pki_csr_check(csr, got, &e), 0);
    assert_memory_equal(want, got, sizeof(want));
    /* The certificate carries the name that the CA chose, and the key of the request. */
    struct pki_issue what = issue_of(PKI_CLIENT, "chosen");
    struct pki_cert_info i;
    assert_int_equal(pki_issue(&what, &(struct pki_issuer){p->ca_key, p->ca_pem}, NULL, csr, &pem,
                               &e),
                     0);
    assert_int_equal(pki_cert_info(pem, &i, &e), 0);
    assert_string_equal(i.subject_cn, "chosen");
    assert_memory_equal(i.spki_hash, want, sizeof(want));
    assert_true(pki_cert_matches_key(pem, k));
    mem_free(csr);
    mem_free(pem);
    pki_key_free(k);
}

/* Changes one bit in each byte of the DER: no such request may pass. */
static void request__any_bit_changed__is_refused(void **state)
{
    (void)state;
    struct err e = {0};
    struct pki_key *k = NULL;
    char *csr = NULL;
    uint8_t hash[PKI_HASH_BYTES], der[1024];
    char text[2048], body[1600];
    assert_int_equal(pki_key_generate(&k, &e), 0);
    assert_int_equal(pki_csr_make(k, "join", &csr, &e), 0);
    char *from = strchr(csr, '\n') + 1, *to = strstr(csr, "-----END");
    size_t n = 0, len = 0;
    for (char *c = from; c < to; c++)
        if (*c != '\n') body[n++] = *c;
    body[n] = '\0';
    assert_int_equal(str_unbase64(der, sizeof(der), body, &len), 0);
    for (size_t i = 0; i < len; i++) {
        der[i] ^= (uint8_t)(1u << (i % 8));
        str_base64(body, der, len);
        snprintf(text, sizeof(text),
                 "-----BEGIN CERTIFICATE REQUEST-----\n%s\n-----END CERTIFICATE REQUEST-----\n",
                 body);
        assert_int_not_equal(pki_csr_check(text, hash, &e), 0);
        der[i] ^= (uint8_t)(1u << (i % 8));
    }
    mem_free(csr);
    pki_key_free(k);
}

static void request__nonsense__is_refused(void **state)
{
    struct fixture_pki *p = *state;
    struct err e = {0};
    uint8_t hash[PKI_HASH_BYTES];
    char *pem = NULL;
    struct pki_issue what = issue_of(PKI_CLIENT, "x");
    static const char *const bad[] = {
        "", "x", "-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_not_equal(pki_csr_check(bad[i], hash, &e), 0);
        assert_int_not_equal(pki_issue(&what, &(struct pki_issuer){p->ca_key, p->ca_pem}, NULL,
                                       bad[i], &pem, &e),
                             0);
    }
    assert_int_not_equal(pki_csr_check(p->ca_pem, hash, &e), 0);
    char *huge = mem_alloc(PKI_PEM_MAX + 2);
    memset(huge, 'A', PKI_PEM_MAX + 1);
    assert_int_equal(pki_csr_check(huge, hash, &e), ERR_TOO_LARGE);
    mem_free(huge);
}

static void certificate__nonsense__is_refused(void **state)
{
    struct fixture_pki *p = *state;
    struct err e = {0};
    struct pki_cert_info i;
    assert_int_equal(pki_cert_info("", &i, &e), ERR_INVALID);
    assert_int_equal(pki_cert_info("x", &i, &e), ERR_INVALID);
    assert_int_equal(pki_cert_info(p->client.key_pem, &i, &e), ERR_INVALID);
    char *cut = mem_strdup(p->ca_pem);
    cut[strlen(cut) / 2] = '\0';
    assert_int_equal(pki_cert_info(cut, &i, &e), ERR_INVALID);
    mem_free(cut);
}

static int setup(void **state)
{
    struct err e = {0};
    if (pki_init(&e) != 0) return -1;
    struct fixture_pki *p = mem_alloc(sizeof(*p));
    fixture_pki_init(p, "Test CA");
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct fixture_pki *p = *state;
    fixture_pki_fini(p);
    mem_free(p);
    pki_fini();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_text__written_and_read__is_the_same_key),
        cmocka_unit_test(keys__made_twice__differ),
        cmocka_unit_test(sha256__of_abc__is_the_published_value),
        cmocka_unit_test(key_text__not_a_key__is_refused),
        cmocka_unit_test(key_and_request__of_another_curve__are_refused),
        cmocka_unit_test(certificate__of_ca__says_what_was_asked_for),
        cmocka_unit_test(certificate__times__are_kept_to_the_second),
        cmocka_unit_test(certificate__serials__differ),
        cmocka_unit_test(certificate__names__are_found_and_missed),
        cmocka_unit_test(certificate__key__matches_its_own_only),
        cmocka_unit_test(certificate__strange_common_names__survive),
        cmocka_unit_test(issue__bad_wishes__are_refused),
        cmocka_unit_test(issue__key_of_another_ca__is_refused),
        cmocka_unit_test(request__made_and_checked__gives_the_key_s_hash),
        cmocka_unit_test(request__any_bit_changed__is_refused),
        cmocka_unit_test(request__nonsense__is_refused),
        cmocka_unit_test(certificate__nonsense__is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
