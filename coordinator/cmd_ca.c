/* ca export: what others need to trust this coordinator. It reads ca.pem alone, which is public. */
#include "base/buf.h"
#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/command_line.h"
#include "platform/complain.h"
#include "platform/files.h"
#include "platform/paths.h"
#include "wire/pki.h"

#include <stdlib.h>

#define EXPORT "cadre-coordinator ca export"

/* "AB:CD:...", as browsers and openssl show it. */
static void add_fingerprint(struct buf *b, const char *what, const uint8_t hash[PKI_HASH_BYTES])
{
    buf_adds(b, what);
    for (size_t i = 0; i < PKI_HASH_BYTES; i++)
        buf_addf(b, "%s%02X", i ? ":" : "", hash[i]);
    buf_addc(b, '\n');
}

static int read_ca(const char *path, struct buf *pem, struct pki_cert_info *info, struct err *e)
{
    int rc = file_read(path, 2 * PKI_PEM_MAX, pem, e);
    if (rc == ERR_NOT_FOUND)
        return err_set(e, rc,
                       "%s is not there: 'cadre-coordinator init' makes it; --state names another "
                       "state folder",
                       path);
    if (!rc) rc = pki_cert_info(pem->data, info, e);
    return rc ? err_wrap(e, "%s", path) : 0;
}

int command_ca(const struct command_args *a)
{
    struct err e = {0};
    struct pki_cert_info info;
    struct buf pem, text;
    char until[TIME_TEXT_SIZE];
    char *path = paths_join(a->config->state, "ca.pem");
    int code = EXIT_FAILURE;
    buf_init(&pem, 2 * PKI_PEM_MAX);
    buf_init(&text, 4 * PKI_PEM_MAX);
    if (read_ca(path, &pem, &info, &e)) {
        complain_as(EXPORT, err_text(&e));
    } else {
        time_format(info.not_after_ms, until);
        buf_addf(&text, "CA of this coordinator, valid until %s\n", until);
        add_fingerprint(&text, "SHA-256 of the certificate: ", info.hash);
        add_fingerprint(&text, "SHA-256 of its public key (the pin of tokens): ", info.spki_hash);
        buf_adds(&text, pem.data);
        code = command_print("ca export", text.data);
    }
    buf_fini(&text);
    buf_fini(&pem);
    mem_free(path);
    return code;
}
