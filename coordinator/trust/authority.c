/* Keys and certificates of the coordinator. */
#include "coordinator/trust/authority.h"

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/standing.h"
#include "platform/files.h"
#include "platform/paths.h"
#include "wire/pki.h"

#include <string.h>

#define HOUR_MS INT64_C(3600000)
#define SKEW_MS INT64_C(300000) /* certificates begin this much before now: clocks differ */
#define CA_NAME "Cadre CA"
#define SERVER_NAME "Cadre coordinator"

struct authority {
    char *state;
    int64_t life_ms;
    struct pki_key *ca_key;
    char *ca_pem;
    int64_t ca_not_before_ms, ca_not_after_ms;
    uint8_t pin[PKI_HASH_BYTES];
    struct tls_config *tls;
    int64_t server_from_ms, server_until_ms;
};

static int read_text(const char *state, const char *name, char **out, struct err *e)
{
    char *path = paths_join(state, name);
    struct buf b;
    buf_init(&b, 2 * PKI_PEM_MAX);
    int rc = file_read(path, 2 * PKI_PEM_MAX, &b, e);
    if (!rc) *out = mem_strndup(b.data, b.len);
    mem_wipe(b.data, b.len);
    buf_fini(&b);
    mem_free(path);
    return rc;
}

static int write_text(const char *state, const char *name, const char *text, enum file_mode mode,
                      struct err *e)
{
    char *path = paths_join(state, name);
    int rc = file_write_atomic(path, text, strlen(text), mode, e);
    mem_free(path);
    return rc;
}

static bool is_there(const char *state, const char *name)
{
    char *path = paths_join(state, name);
    bool there = file_exists(path);
    mem_free(path);
    return there;
}

static int write_key(const char *state, const char *name, const struct pki_key *key, struct err *e)
{
    char *pem;
    int rc = pki_key_format(key, &pem, e);
    if (rc) return rc;
    rc = write_text(state, name, pem, FILE_SECRET, e);
    mem_wipe(pem, strlen(pem));
    mem_free(pem);
    return rc;
}

static int read_key(const char *state, const char *name, struct pki_key **out, struct err *e)
{
    char *pem;
    int rc = read_text(state, name, &pem, e);
    if (rc) return rc;
    rc = pki_key_parse(pem, out, e);
    if (rc) err_wrap(e, "%s", name);
    mem_wipe(pem, strlen(pem));
    mem_free(pem);
    return rc;
}

bool authority_exists(const char *state)
{
    return is_there(state, "ca.key") && is_there(state, "ca.pem");
}

/* The key goes first: an interruption between the two leaves a key without certificate, which is
 * told apart from a certificate without key, which cannot be healed. */
int authority_make(const char *state, int64_t now_ms, struct err *e)
{
    if (authority_exists(state)) return 0;
    if (is_there(state, "ca.pem"))
        return err_set(e, ERR_CORRUPT,
                       "%s has ca.pem but not its key: restore ca.key from a backup", state);
    struct pki_key *key = NULL;
    char *pem = NULL;
    int rc =
        is_there(state, "ca.key") ? read_key(state, "ca.key", &key, e) : pki_key_generate(&key, e);
    struct pki_issue what = {.usage = PKI_CA,
                             .common_name = CA_NAME,
                             .not_before_ms = now_ms - SKEW_MS,
                             .not_after_ms = now_ms + AUTHORITY_LIFE_MS};
    if (!rc) rc = pki_issue(&what, &(struct pki_issuer){key, NULL}, key, NULL, &pem, e);
    if (!rc) rc = write_key(state, "ca.key", key, e);
    if (!rc) rc = write_text(state, "ca.pem", pem, FILE_PUBLIC, e);
    mem_free(pem);
    pki_key_free(key);
    return rc;
}

static int load_ca(struct authority *a, struct err *e)
{
    struct pki_cert_info info;
    int rc = read_key(a->state, "ca.key", &a->ca_key, e);
    if (!rc) rc = read_text(a->state, "ca.pem", &a->ca_pem, e);
    if (!rc) {
        rc = pki_cert_info(a->ca_pem, &info, e);
        if (rc) err_wrap(e, "ca.pem");
    }
    if (rc) {
        struct err why = *e;
        if (rc == ERR_DENIED || rc == ERR_IO) return rc;
        return err_set(e, rc, "%s: %s; put ca.key and ca.pem back from your copy", a->state,
                       err_text(&why));
    }
    if (!pki_cert_matches_key(a->ca_pem, a->ca_key))
        return err_set(
            e, ERR_CORRUPT,
            "ca.pem and ca.key in %s do not belong together: restore both from one backup",
            a->state);
    a->ca_not_before_ms = info.not_before_ms;
    a->ca_not_after_ms = info.not_after_ms;
    memcpy(a->pin, info.spki_hash, sizeof a->pin);
    return 0;
}

int authority_open(const char *state, int64_t life_ms, const struct names *names, int64_t now_ms,
                   struct authority **out, struct err *e)
{
    struct authority *a = mem_alloc(sizeof *a);
    a->state = mem_strdup(state);
    a->life_ms = life_ms;
    bool changed;
    int rc = load_ca(a, e);
    if (!rc) rc = authority_refresh(a, names, now_ms, &changed, e);
    if (rc) {
        authority_free(a);
        return rc;
    }
    *out = a;
    return 0;
}

void authority_free(struct authority *a)
{
    if (!a) return;
    tls_config_unref(a->tls);
    pki_key_free(a->ca_key);
    mem_free(a->ca_pem);
    mem_free(a->state);
    mem_free(a);
}

/* A certificate's time: from a little before now, until the CA's own end at the latest. The head
 * start is small beside a short life, so that "two thirds of its life" keeps its meaning. */
static void set_times(const struct authority *a, int64_t now_ms, struct pki_issue *what)
{
    int64_t head = a->life_ms / 20 < SKEW_MS ? a->life_ms / 20 : SKEW_MS;
    what->not_before_ms = now_ms - head;
    what->not_after_ms = now_ms + a->life_ms;
    if (what->not_after_ms > a->ca_not_after_ms) what->not_after_ms = a->ca_not_after_ms;
}

static int issue_server(struct authority *a, const struct names *names, int64_t now_ms,
                        struct err *e)
{
    struct pki_key *key = NULL;
    char *pem = NULL, *chain = NULL;
    struct pki_issue what = {.usage = PKI_SERVER,
                             .common_name = SERVER_NAME,
                             .names = (const char *const *)names->items,
                             .name_count = names->count};
    set_times(a, now_ms, &what);
    int rc = pki_key_generate(&key, e);
    if (!rc) rc = pki_issue(&what, &(struct pki_issuer){a->ca_key, a->ca_pem}, key, NULL, &pem, e);
    /* Key first: a new key beside an old certificate is noticed at the next start and issued
     * anew. */
    if (!rc) rc = write_key(a->state, "server.key", key, e);
    if (!rc) {
        chain = str_dupf("%s%s", pem, a->ca_pem);
        rc = write_text(a->state, "server.pem", chain, FILE_PUBLIC, e);
    }
    mem_free(chain);
    mem_free(pem);
    pki_key_free(key);
    return rc;
}

/* Why the server certificate on disk cannot be used; NULL: it can. */
static const char *server_fault(const struct authority *a, const char *chain,
                                const struct pki_key *key, const struct names *names,
                                int64_t now_ms)
{
    struct pki_cert_info info;
    const char *missing = NULL;
    if (!chain || !key) return "there was no certificate";
    if (pki_cert_info(chain, &info, NULL)) return "the old certificate cannot be read";
    if (!pki_cert_matches_key(chain, key)) return "the old certificate does not belong to its key";
    if (!strstr(chain, a->ca_pem)) return "the old certificate is of another CA";
    if (pki_cert_has_names(chain, (const char *const *)names->items, names->count, &missing,
                           NULL) ||
        missing)
        return "the old certificate lacks names";
    if (info.not_before_ms > now_ms) return "the old certificate is not valid yet";
    int64_t life = info.not_after_ms - info.not_before_ms;
    if (now_ms >= info.not_before_ms + life / 3 * 2) return "two thirds of its life are over";
    return NULL;
}

static int load_server(struct authority *a, struct err *e)
{
    char *chain = NULL, *key = NULL;
    struct pki_cert_info info;
    struct tls_config *tls;
    int rc = read_text(a->state, "server.pem", &chain, e);
    if (!rc) rc = read_text(a->state, "server.key", &key, e);
    if (!rc) rc = pki_cert_info(chain, &info, e);
    if (!rc) {
        struct tls_server_options o = {.cert_pem = chain,
                                       .key_pem = key,
                                       .client_ca_pem = a->ca_pem};
        rc = tls_config_server(&o, &tls, e);
    }
    if (!rc) {
        tls_config_unref(a->tls);
        a->tls = tls;
        a->server_from_ms = info.not_before_ms;
        a->server_until_ms = info.not_after_ms;
    }
    if (key) mem_wipe(key, strlen(key));
    mem_free(key);
    mem_free(chain);
    return rc;
}

int authority_refresh(struct authority *a, const struct names *names, int64_t now_ms, bool *changed,
                      struct err *e)
{
    char *chain = NULL;
    struct pki_key *key = NULL;
    struct err unreadable;
    /* unreadable files are faults like any other: they are replaced */
    if (is_there(a->state, "server.pem"))
        (void)read_text(a->state, "server.pem", &chain, &unreadable);
    if (is_there(a->state, "server.key")) (void)read_key(a->state, "server.key", &key, &unreadable);
    const char *fault = server_fault(a, chain, key, names, now_ms);
    bool first = chain == NULL;
    mem_free(chain);
    pki_key_free(key);
    if (!fault && a->tls) {
        *changed = false;
        return 0;
    }
    int rc = fault ? issue_server(a, names, now_ms, e) : 0;
    if (!rc) rc = load_server(a, e);
    if (rc) return rc;
    if (fault && !first) log_info("server certificate: issued anew: %s", fault);
    *changed = true;
    return 0;
}

int64_t authority_wait_ms(const struct authority *a, int64_t now_ms)
{
    int64_t life = a->server_until_ms - a->server_from_ms;
    int64_t wait = a->server_from_ms + life / 3 * 2 - now_ms;
    if (wait < 1000) wait = 1000;
    return wait < HOUR_MS ? wait : HOUR_MS;
}

void authority_lives(const struct authority *a, struct standing *out)
{
    out->ca = (struct span){a->ca_not_before_ms, a->ca_not_after_ms};
    out->server = (struct span){a->server_from_ms, a->server_until_ms};
}

struct tls_config *authority_tls(const struct authority *a)
{
    return a->tls;
}

const char *authority_ca(const struct authority *a)
{
    return a->ca_pem;
}

const uint8_t *authority_pin(const struct authority *a)
{
    return a->pin;
}

int authority_sign(const struct authority *a, const char *csr_pem, int64_t agent, int64_t now_ms,
                   char **pem, struct err *e)
{
    char name[ID_TEXT_SIZE];
    id_format(agent, name);
    struct pki_issue what = {.usage = PKI_CLIENT, .common_name = name};
    set_times(a, now_ms, &what);
    return pki_issue(&what, &(struct pki_issuer){a->ca_key, a->ca_pem}, NULL, csr_pem, pem, e);
}
