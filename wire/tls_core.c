/* The base of the other tls files: mbedTLS' texts of errors, random bytes, hashes. */
#include "wire/pki.h"
#include "wire/tls_private.h"

#include <mbedtls/error.h>
#include <mbedtls/sha256.h>
#include <psa/crypto.h>

int tls_fail(struct err *e, int code, int ret, const char *what)
{
    char text[160];
    mbedtls_strerror(ret, text, sizeof(text));
    return err_set(e, code, "%s: %s", what, text);
}

int tls_rng(void *unused, unsigned char *out, size_t len)
{
    (void)unused;
    return psa_generate_random(out, len) == PSA_SUCCESS ? 0 : MBEDTLS_ERR_ERROR_GENERIC_ERROR;
}

int pki_init(struct err *e)
{
    if (psa_crypto_init() != PSA_SUCCESS)
        return err_set(e, ERR_TLS, "the random generator cannot be seeded from the system");
    return 0;
}

void pki_fini(void)
{
    mbedtls_psa_crypto_free();
}

int pki_random(void *out, size_t len, struct err *e)
{
    if (len == 0) return 0;
    if (psa_generate_random(out, len) != PSA_SUCCESS)
        return err_set(e, ERR_TLS, "the random generator failed");
    return 0;
}

void pki_sha256(const void *data, size_t len, uint8_t out[PKI_HASH_BYTES])
{
    mbedtls_sha256(data, len, out, 0);
}
