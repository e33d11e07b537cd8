/* Reads certificates: their fields, their names, and texts about them for users. */
#include "base/mem.h"
#include "base/str.h"
#include "wire/pki.h"
#include "wire/tls_private.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <mbedtls/asn1.h>
#include <mbedtls/oid.h>
#include <mbedtls/x509_crt.h>

#define CHAIN_PEM_MAX PKI_CHAIN_MAX

int tls_chain_parse(const char *pem, const char *what, struct mbedtls_x509_crt *out, struct err *e)
{
    mbedtls_x509_crt_init(out);
    size_t len = strlen(pem);
    if (len > CHAIN_PEM_MAX)
        return err_set(e, ERR_TOO_LARGE, "%s is longer than %d bytes", what, CHAIN_PEM_MAX);
    int ret = mbedtls_x509_crt_parse(out, (const unsigned char *)pem, len + 1);
    if (ret == 0) return 0;
    mbedtls_x509_crt_free(out);
    mbedtls_x509_crt_init(out);
    if (ret > 0) /* so many certificates in the PEM were bad */
        return err_set(e, ERR_INVALID, "%s is damaged", what);
    return tls_fail(e, ERR_INVALID, ret, what);
}

/* ---- time ---- */

int64_t tls_now_ms(void)
{
    return (int64_t)time(NULL) * 1000;
}

/* Days since 1970-01-01 of a date in the Gregorian calendar: years are counted from 1 March, so
 * that the leap day comes last, in cycles of 400 years with 146097 days. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t shifted = month <= 2 ? month + 9 : month - 3;
    int64_t cycle = y / 400, of_cycle = y % 400;
    int64_t day_of_year = (153 * shifted + 2) / 5 + day - 1;
    return cycle * 146097 + of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + day_of_year - 719468;
}

static int64_t time_of(const mbedtls_x509_time *t)
{
    int64_t seconds = days_of(t->year, t->mon, t->day) * 86400;
    return (seconds + t->hour * 3600 + t->min * 60 + t->sec) * 1000;
}

void tls_stamp(int64_t wall_ms, char dst[PKI_STAMP_SIZE])
{
    int64_t seconds = wall_ms / 1000;
    if (seconds < 0) seconds = 0;
    if (seconds > INT64_C(253402300799)) /* 9999-12-31T23:59:59Z, the end of X.509's time */
        seconds = INT64_C(253402300799);
    int64_t days = seconds / 86400, rest = seconds % 86400;
    /* The year is guessed from below and counted up: at most a few steps. */
    int64_t year = 1970 + days / 366;
    while (days_of(year + 1, 1, 1) <= days)
        year++;
    int64_t month = 1;
    while (month < 12 && days_of(year, month + 1, 1) <= days)
        month++;
    int64_t day = days - days_of(year, month, 1) + 1;
    snprintf(dst, PKI_STAMP_SIZE, "%04d-%02d-%02dT%02d:%02d:%02dZ", (int)(year % 10000),
             (int)(month % 100), (int)(day % 100), (int)(rest / 3600), (int)(rest / 60 % 60),
             (int)(rest % 60));
}

/* ---- the fields of a certificate ---- */

static void common_name_of(const mbedtls_x509_crt *crt, char *dst, size_t size)
{
    dst[0] = '\0';
    for (const mbedtls_x509_name *n = &crt->subject; n != NULL; n = n->next) {
        if (n->oid.p == NULL || MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &n->oid) != 0) continue;
        /* A NUL inside a name would make two names look alike; such a name is ignored. */
        if (n->val.len >= size || memchr(n->val.p, '\0', n->val.len) != NULL) return;
        memcpy(dst, n->val.p, n->val.len);
        dst[n->val.len] = '\0';
        return;
    }
}

void tls_cert_spki_hash(const struct mbedtls_x509_crt *crt, uint8_t out[PKI_HASH_BYTES])
{
    pki_sha256(crt->pk_raw.p, crt->pk_raw.len, out);
}

void tls_cert_info(const struct mbedtls_x509_crt *crt, struct pki_cert_info *out)
{
    memset(out, 0, sizeof(*out));
    common_name_of(crt, out->subject_cn, sizeof(out->subject_cn));
    size_t len = crt->serial.len;
    if (len > (sizeof(out->serial) - 1) / 2) len = (sizeof(out->serial) - 1) / 2;
    str_hex(out->serial, crt->serial.p, len);
    out->not_before_ms = time_of(&crt->valid_from);
    out->not_after_ms = time_of(&crt->valid_to);
    out->ca = mbedtls_x509_crt_get_ca_istrue(crt) == 1;
    tls_cert_spki_hash(crt, out->spki_hash);
    pki_sha256(crt->raw.p, crt->raw.len, out->hash);
}

int pki_cert_info(const char *cert_pem, struct pki_cert_info *out, struct err *e)
{
    mbedtls_x509_crt crt;
    int rc = tls_chain_parse(cert_pem, "the certificate", &crt, e);
    if (rc != 0) return rc;
    tls_cert_info(&crt, out);
    mbedtls_x509_crt_free(&crt);
    return 0;
}

/* ---- the names of a certificate ---- */

size_t tls_address_parse(const char *text, uint8_t out[16])
{
    uint32_t words[4]; /* aligned, as mbedTLS asks for */
    size_t len = mbedtls_x509_crt_parse_cn_inet_pton(text, words);
    if (len > 0) memcpy(out, words, len);
    return len;
}

static int san_type(const mbedtls_x509_sequence *s)
{
    return s->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_name(const mbedtls_x509_buf *san, const char *name)
{
    size_t len = strlen(name);
    if (san->len != len) return false;
    for (size_t i = 0; i < len; i++) {
        if (lower((char)san->p[i]) != lower(name[i])) return false;
    }
    return true;
}

bool tls_cert_has_name(const struct mbedtls_x509_crt *crt, const char *name)
{
    uint8_t address[16];
    size_t len = tls_address_parse(name, address);
    for (const mbedtls_x509_sequence *s = &crt->subject_alt_names; s != NULL; s = s->next) {
        if (s->buf.p == NULL) continue;
        if (len > 0 && san_type(s) == MBEDTLS_X509_SAN_IP_ADDRESS && s->buf.len == len &&
            memcmp(s->buf.p, address, len) == 0)
            return true;
        if (len == 0 && san_type(s) == MBEDTLS_X509_SAN_DNS_NAME && same_name(&s->buf, name))
            return true;
    }
    return false;
}

int pki_cert_has_names(const char *cert_pem, const char *const *names, size_t count,
                       const char **missing, struct err *e)
{
    mbedtls_x509_crt crt;
    int rc = tls_chain_parse(cert_pem, "the certificate", &crt, e);
    if (rc != 0) return rc;
    *missing = NULL;
    for (size_t i = 0; i < count && *missing == NULL; i++) {
        if (!tls_cert_has_name(&crt, names[i])) *missing = names[i];
    }
    mbedtls_x509_crt_free(&crt);
    return 0;
}

/* An address as text; RFC 5952 without the shortening of zeros, which is not needed here. */
static void address_format(const uint8_t *a, size_t len, char *dst, size_t size)
{
    if (len == 4) {
        snprintf(dst, size, "%d.%d.%d.%d", a[0], a[1], a[2], a[3]);
        return;
    }
    size_t n = 0;
    for (size_t i = 0; i + 1 < len && n + 6 < size; i += 2)
        n += (size_t)snprintf(dst + n, size - n, "%s%x", i > 0 ? ":" : "", a[i] << 8 | a[i + 1]);
}

void tls_cert_names(const struct mbedtls_x509_crt *crt, char *dst, size_t size)
{
    size_t n = 0;
    dst[0] = '\0';
    for (const mbedtls_x509_sequence *s = &crt->subject_alt_names; s != NULL; s = s->next) {
        char one[PKI_NAME_MAX + 1] = "";
        if (s->buf.p == NULL) continue;
        if (san_type(s) == MBEDTLS_X509_SAN_IP_ADDRESS && (s->buf.len == 4 || s->buf.len == 16)) {
            address_format(s->buf.p, s->buf.len, one, sizeof(one));
        } else if (san_type(s) == MBEDTLS_X509_SAN_DNS_NAME && s->buf.len < sizeof(one)) {
            for (size_t i = 0; i < s->buf.len; i++)
                one[i] = s->buf.p[i] > ' ' && s->buf.p[i] < 127 ? (char)s->buf.p[i] : '?';
        } else {
            continue;
        }
        size_t len = strlen(one);
        if (n + len + 8 > size) {
            memcpy(dst + n, ", ...", 6);
            return;
        }
        n += (size_t)snprintf(dst + n, size - n, "%s%s", n > 0 ? ", " : "", one);
    }
}
