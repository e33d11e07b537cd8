#include "wire/pki.h"

#include "base/mem.h"
#include "base/str.h"
#include "wire/tls_private.h"

#include <stdio.h>
#include <string.h>

#include <mbedtls/asn1.h>
#include <mbedtls/ecp.h>
#include <mbedtls/md.h>
#include <mbedtls/oid.h>
#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>
#include <mbedtls/x509_csr.h>

#define SERIAL_BYTES 16
#define DN_MAX 1024
#define RSA_BITS_MIN 2048

struct pki_key {
    mbedtls_pk_context pk;
};

/* ---- keys ---- */

static bool is_p256(const struct mbedtls_pk_context *k)
{
    if (mbedtls_pk_get_type(k) != MBEDTLS_PK_ECKEY) return false;
    const mbedtls_ecp_keypair *pair = mbedtls_pk_ec(*k);
    return mbedtls_ecp_keypair_get_group_id(pair) == MBEDTLS_ECP_DP_SECP256R1;
}

/* What browsers and other clients take. */
static bool is_for_web(const struct mbedtls_pk_context *k)
{
    mbedtls_pk_type_t type = mbedtls_pk_get_type(k);
    if (type == MBEDTLS_PK_RSA) return mbedtls_pk_get_bitlen(k) >= RSA_BITS_MIN;
    if (type != MBEDTLS_PK_ECKEY) return false;
    mbedtls_ecp_group_id group = mbedtls_ecp_keypair_get_group_id(mbedtls_pk_ec(*k));
    return group == MBEDTLS_ECP_DP_SECP256R1 || group == MBEDTLS_ECP_DP_SECP384R1;
}

/* On success the caller frees *out. */
static int key_parse(const char *pem, mbedtls_pk_context *out, struct err *e)
{
    size_t len = strlen(pem);
    if (len > PKI_PEM_MAX)
        return err_set(e, ERR_TOO_LARGE, "the private key is longer than %d bytes", PKI_PEM_MAX);
    mbedtls_pk_init(out);
    int ret =
        mbedtls_pk_parse_key(out, (const unsigned char *)pem, len + 1, NULL, 0, tls_rng, NULL);
    if (ret == 0) return 0;
    mbedtls_pk_free(out);
    return tls_fail(e, ERR_INVALID, ret, "the private key cannot be read");
}

int tls_key_parse(const char *pem, struct mbedtls_pk_context *out, struct err *e)
{
    mbedtls_pk_context pk;
    int rc = key_parse(pem, &pk, e);
    if (rc != 0) return rc;
    if (!is_p256(&pk)) {
        mbedtls_pk_free(&pk);
        return err_set(e, ERR_INVALID, "the private key is not an EC key on P-256");
    }
    *out = pk;
    return 0;
}

int tls_web_key_parse(const char *pem, struct mbedtls_pk_context *out, struct err *e)
{
    mbedtls_pk_context pk;
    int rc = key_parse(pem, &pk, e);
    if (rc != 0) return rc;
    if (!is_for_web(&pk)) {
        mbedtls_pk_free(&pk);
        return err_set(e, ERR_INVALID,
                       "the private key is neither an RSA key of %d bits or more nor an EC key on "
                       "P-256 or P-384",
                       RSA_BITS_MIN);
    }
    *out = pk;
    return 0;
}

int pki_key_generate(struct pki_key **out, struct err *e)
{
    struct pki_key *k = mem_alloc(sizeof(*k));
    mbedtls_pk_init(&k->pk);
    int ret = mbedtls_pk_setup(&k->pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
    if (ret == 0)
        ret = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(k->pk), tls_rng, NULL);
    if (ret != 0) {
        pki_key_free(k);
        return tls_fail(e, ERR_TLS, ret, "making a key failed");
    }
    *out = k;
    return 0;
}

int pki_key_parse(const char *pem, struct pki_key **out, struct err *e)
{
    mbedtls_pk_context pk;
    int rc = tls_key_parse(pem, &pk, e);
    if (rc != 0) return rc;
    struct pki_key *k = mem_alloc(sizeof(*k));
    k->pk = pk;
    *out = k;
    return 0;
}

int pki_key_format(const struct pki_key *k, char **pem, struct err *e)
{
    char text[1024];
    int ret = mbedtls_pk_write_key_pem(&k->pk, (unsigned char *)text, sizeof(text));
    if (ret != 0) return tls_fail(e, ERR_INTERNAL, ret, "writing a key failed");
    *pem = mem_strdup(text);
    mem_wipe(text, sizeof(text));
    return 0;
}

void pki_key_free(struct pki_key *k)
{
    if (k == NULL) return;
    mbedtls_pk_free(&k->pk);
    mem_free(k);
}

static int spki_hash(const mbedtls_pk_context *pk, uint8_t out[PKI_HASH_BYTES], struct err *e)
{
    unsigned char der[256];
    /* Writes from the end of the buffer. */
    int len = mbedtls_pk_write_pubkey_der(pk, der, sizeof(der));
    if (len < 0) return tls_fail(e, ERR_INVALID, len, "the public key cannot be written");
    pki_sha256(der + sizeof(der) - (size_t)len, (size_t)len, out);
    return 0;
}

/* ---- names of subjects ---- */

/* "CN=..." in the string form of RFC 4514, every byte that could mean something there as a hex
 * pair. */
static int subject_of(const char *common_name, char *dst, size_t size, struct err *e)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t len = strlen(common_name);
    struct pki_cert_info *info = NULL;
    if (len == 0 || len >= sizeof(info->subject_cn))
        return err_set(e, ERR_INVALID, "a certificate's name has 1 to %zu bytes",
                       sizeof(info->subject_cn) - 1);
    size_t n = 0;
    memcpy(dst, "CN=", 3);
    n = 3;
    for (const char *p = common_name; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        if (n + 4 > size) return err_set(e, ERR_TOO_LARGE, "a certificate's name is too long");
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '.' || c == '-' || c == '_';
        if (plain) {
            dst[n++] = (char)c;
        } else {
            dst[n++] = '\\';
            dst[n++] = hex[c >> 4];
            dst[n++] = hex[c & 15];
        }
    }
    dst[n] = '\0';
    return 0;
}

/* ---- requests ---- */

int pki_csr_make(const struct pki_key *k, const char *common_name, char **pem, struct err *e)
{
    char subject[DN_MAX];
    int rc = subject_of(common_name, subject, sizeof(subject), e);
    if (rc != 0) return rc;
    mbedtls_x509write_csr csr;
    mbedtls_x509write_csr_init(&csr);
    mbedtls_x509write_csr_set_md_alg(&csr, MBEDTLS_MD_SHA256);
    /* mbedTLS only reads the key. */
    mbedtls_x509write_csr_set_key(&csr, (mbedtls_pk_context *)&k->pk);
    unsigned char text[2048];
    int ret = mbedtls_x509write_csr_set_subject_name(&csr, subject);
    if (ret == 0) ret = mbedtls_x509write_csr_pem(&csr, text, sizeof(text), tls_rng, NULL);
    mbedtls_x509write_csr_free(&csr);
    if (ret != 0) return tls_fail(e, ERR_TLS, ret, "making a certificate request failed");
    *pem = mem_strdup((const char *)text);
    return 0;
}

/* mbedTLS parses a request but leaves the check of its signature to us. */
static int csr_verify(mbedtls_x509_csr *csr, struct err *e)
{
    const mbedtls_x509_buf *sig = &csr->MBEDTLS_PRIVATE(sig);
    mbedtls_md_type_t md = csr->MBEDTLS_PRIVATE(sig_md);
    if (!is_p256(&csr->pk))
        return err_set(e, ERR_INVALID, "the certificate request's key is not an EC key on P-256");
    if (csr->MBEDTLS_PRIVATE(sig_pk) != MBEDTLS_PK_ECDSA ||
        (md != MBEDTLS_MD_SHA256 && md != MBEDTLS_MD_SHA384 && md != MBEDTLS_MD_SHA512))
        return err_set(e, ERR_INVALID, "the certificate request is signed with a weak algorithm");
    unsigned char hash[MBEDTLS_MD_MAX_SIZE];
    const mbedtls_md_info_t *info = mbedtls_md_info_from_type(md);
    int ret = mbedtls_md(info, csr->cri.p, csr->cri.len, hash);
    if (ret == 0)
        ret = mbedtls_pk_verify(&csr->pk, md, hash, mbedtls_md_get_size(info), sig->p, sig->len);
    if (ret != 0)
        return tls_fail(e, ERR_DENIED, ret, "the certificate request's signature is wrong");
    return 0;
}

/* On success the caller frees *out. */
static int csr_parse(const char *csr_pem, mbedtls_x509_csr *out, struct err *e)
{
    size_t len = strlen(csr_pem);
    if (len > PKI_PEM_MAX)
        return err_set(e, ERR_TOO_LARGE, "the certificate request is longer than %d bytes",
                       PKI_PEM_MAX);
    mbedtls_x509_csr_init(out);
    int rc = 0;
    int ret = mbedtls_x509_csr_parse(out, (const unsigned char *)csr_pem, len + 1);
    if (ret != 0)
        rc = tls_fail(e, ERR_INVALID, ret, "the certificate request cannot be read");
    else
        rc = csr_verify(out, e);
    if (rc != 0) mbedtls_x509_csr_free(out);
    return rc;
}

int pki_csr_check(const char *csr_pem, uint8_t hash[PKI_HASH_BYTES], struct err *e)
{
    mbedtls_x509_csr csr;
    int rc = csr_parse(csr_pem, &csr, e);
    if (rc != 0) return rc;
    rc = spki_hash(&csr.pk, hash, e);
    mbedtls_x509_csr_free(&csr);
    return rc;
}

bool pki_cert_matches_key(const char *cert_pem, const struct pki_key *k)
{
    mbedtls_x509_crt crt;
    if (tls_chain_parse(cert_pem, "the certificate", &crt, NULL) != 0) return false;
    bool same = mbedtls_pk_check_pair(&crt.pk, &k->pk, tls_rng, NULL) == 0;
    mbedtls_x509_crt_free(&crt);
    return same;
}

/* ---- issuing ---- */

static bool dns_name_valid(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len > PKI_NAME_MAX) return false;
    for (const char *p = name; *p != '\0'; p++) {
        bool ok = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                  (*p >= '0' && *p <= '9') || *p == '.' || *p == '-' || *p == '_';
        if (!ok) return false;
    }
    return true;
}

struct san {
    mbedtls_x509_san_list list[PKI_SAN_MAX];
    uint8_t address[PKI_SAN_MAX][16];
};

bool pki_name_valid(const char *name)
{
    uint8_t address[16];
    return tls_address_parse(name, address) > 0 || dns_name_valid(name);
}

static int san_set(struct san *s, size_t i, const char *name, struct err *e)
{
    mbedtls_x509_subject_alternative_name *node = &s->list[i].node;
    mbedtls_x509_buf *value = &node->san.unstructured_name;
    size_t len = tls_address_parse(name, s->address[i]);
    if (len > 0) {
        node->type = MBEDTLS_X509_SAN_IP_ADDRESS;
        value->p = s->address[i];
        value->len = len;
        return 0;
    }
    if (!dns_name_valid(name))
        return err_set(e, ERR_INVALID, "\"%s\" is neither a host name nor an address", name);
    node->type = MBEDTLS_X509_SAN_DNS_NAME;
    value->p = (unsigned char *)name;
    value->len = strlen(name);
    return 0;
}

/* mbedTLS writes the list from its end, so it is linked backwards: people read their names in the
 * order in which they gave them. */
static int san_fill(struct san *s, const struct pki_issue *what, struct err *e)
{
    if (what->name_count > PKI_SAN_MAX)
        return err_set(e, ERR_TOO_LARGE, "a certificate carries at most %d names", PKI_SAN_MAX);
    for (size_t i = 0; i < what->name_count; i++) {
        int rc = san_set(s, i, what->names[i], e);
        if (rc != 0) return rc;
        s->list[i].next = i > 0 ? &s->list[i - 1] : NULL;
    }
    return 0;
}

static int set_usage(mbedtls_x509write_cert *w, enum pki_usage usage)
{
    int ret =
        mbedtls_x509write_crt_set_basic_constraints(w, usage == PKI_CA, usage == PKI_CA ? 0 : -1);
    if (ret != 0) return ret;
    if (usage == PKI_CA)
        return mbedtls_x509write_crt_set_key_usage(w, MBEDTLS_X509_KU_KEY_CERT_SIGN |
                                                          MBEDTLS_X509_KU_CRL_SIGN);
    ret = mbedtls_x509write_crt_set_key_usage(w, MBEDTLS_X509_KU_DIGITAL_SIGNATURE);
    if (ret != 0) return ret;
    const char *oid = usage == PKI_SERVER ? MBEDTLS_OID_SERVER_AUTH : MBEDTLS_OID_CLIENT_AUTH;
    mbedtls_asn1_sequence ext = {0};
    ext.buf.tag = MBEDTLS_ASN1_OID;
    ext.buf.p = (unsigned char *)oid;
    ext.buf.len = usage == PKI_SERVER ? MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH)
                                      : MBEDTLS_OID_SIZE(MBEDTLS_OID_CLIENT_AUTH);
    return mbedtls_x509write_crt_set_ext_key_usage(w, &ext);
}

/* "20260101000000", the form that mbedTLS needs. */
static int set_validity(mbedtls_x509write_cert *w, const struct pki_issue *what, struct err *e)
{
    char text[2][16];
    int64_t when[2] = {what->not_before_ms, what->not_after_ms};
    if (when[0] < 0 || when[1] <= when[0])
        return err_set(e, ERR_INVALID, "a certificate must end after it begins");
    for (int i = 0; i < 2; i++) {
        char stamp[PKI_STAMP_SIZE];
        tls_stamp(when[i], stamp);
        size_t n = 0;
        for (const char *p = stamp; *p != '\0'; p++) {
            if (*p >= '0' && *p <= '9' && n < 14) text[i][n++] = *p;
        }
        text[i][n] = '\0';
    }
    int ret = mbedtls_x509write_crt_set_validity(w, text[0], text[1]);
    return ret == 0 ? 0 : tls_fail(e, ERR_INVALID, ret, "the certificate's life");
}

static int set_serial(mbedtls_x509write_cert *w, struct err *e)
{
    unsigned char serial[SERIAL_BYTES];
    int rc = pki_random(serial, sizeof(serial), e);
    if (rc != 0) return rc;
    /* Positive and of full length (RFC 5280 section 4.1.2.2). */
    serial[0] = (unsigned char)((serial[0] & 0x7f) | 0x40);
    int ret = mbedtls_x509write_crt_set_serial_raw(w, serial, sizeof(serial));
    return ret == 0 ? 0 : tls_fail(e, ERR_INTERNAL, ret, "the certificate's serial number");
}

/* Issuer's name: the CA certificate's subject, which must belong to ca_key, or the subject
 * itself. */
static int set_names(mbedtls_x509write_cert *w, const struct pki_issue *what,
                     const struct pki_issuer *ca, struct err *e)
{
    char subject[DN_MAX], issuer[DN_MAX];
    int rc = subject_of(what->common_name, subject, sizeof(subject), e);
    if (rc != 0) return rc;
    if (ca->cert_pem == NULL) {
        memcpy(issuer, subject, sizeof(issuer));
    } else {
        mbedtls_x509_crt cert;
        rc = tls_chain_parse(ca->cert_pem, "the CA's certificate", &cert, e);
        if (rc != 0) return rc;
        int len = mbedtls_x509_dn_gets(issuer, sizeof(issuer), &cert.subject);
        int pair = mbedtls_pk_check_pair(&cert.pk, &ca->key->pk, tls_rng, NULL);
        mbedtls_x509_crt_free(&cert);
        if (len < 0) return tls_fail(e, ERR_INVALID, len, "the CA's name");
        if (pair != 0)
            return err_set(e, ERR_INVALID, "the CA's key does not belong to the CA's certificate");
    }
    int ret = mbedtls_x509write_crt_set_subject_name(w, subject);
    if (ret == 0) ret = mbedtls_x509write_crt_set_issuer_name(w, issuer);
    return ret == 0 ? 0 : tls_fail(e, ERR_INVALID, ret, "the certificate's name");
}

static int write_cert(mbedtls_x509write_cert *w, const struct pki_issue *what, char **pem,
                      struct err *e)
{
    int rc = set_serial(w, e);
    if (rc == 0) rc = set_validity(w, what, e);
    if (rc != 0) return rc;
    int ret = set_usage(w, what->usage);
    if (ret == 0) ret = mbedtls_x509write_crt_set_subject_key_identifier(w);
    if (ret == 0) ret = mbedtls_x509write_crt_set_authority_key_identifier(w);
    if (ret == 0 && what->name_count > 0) {
        struct san *san = mem_alloc(sizeof(*san));
        rc = san_fill(san, what, e);
        if (rc == 0)
            ret = mbedtls_x509write_crt_set_subject_alternative_name(
                w, &san->list[what->name_count - 1]);
        mem_free(san);
        if (rc != 0) return rc;
    }
    char *text = mem_alloc(PKI_PEM_MAX);
    if (ret == 0)
        ret = mbedtls_x509write_crt_pem(w, (unsigned char *)text, PKI_PEM_MAX, tls_rng, NULL);
    if (ret != 0) {
        mem_free(text);
        return tls_fail(e, ERR_TLS, ret, "making a certificate failed");
    }
    *pem = mem_strdup(text);
    mem_free(text);
    return 0;
}

int pki_issue(const struct pki_issue *what, const struct pki_issuer *issuer,
              const struct pki_key *subject_key, const char *csr_pem, char **pem, struct err *e)
{
    mbedtls_x509_csr csr;
    mbedtls_pk_context *subject =
        subject_key != NULL ? (mbedtls_pk_context *)&subject_key->pk : NULL;
    if (csr_pem != NULL) {
        int rc = csr_parse(csr_pem, &csr, e);
        if (rc != 0) return rc;
        subject = &csr.pk;
    }
    int rc = 0;
    mbedtls_x509write_cert w;
    mbedtls_x509write_crt_init(&w);
    if (subject == NULL) {
        rc = err_set(e, ERR_INVALID, "a certificate needs a key or a request");
    } else {
        mbedtls_x509write_crt_set_version(&w, MBEDTLS_X509_CRT_VERSION_3);
        mbedtls_x509write_crt_set_md_alg(&w, MBEDTLS_MD_SHA256);
        mbedtls_x509write_crt_set_subject_key(&w, subject);
        mbedtls_x509write_crt_set_issuer_key(&w, (mbedtls_pk_context *)&issuer->key->pk);
        rc = set_names(&w, what, issuer, e);
    }
    if (rc == 0) rc = write_cert(&w, what, pem, e);
    mbedtls_x509write_crt_free(&w);
    if (csr_pem != NULL) mbedtls_x509_csr_free(&csr);
    return rc;
}
