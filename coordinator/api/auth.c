/* Bearer tokens. Rows are remembered for a few seconds, so that a busy client costs no look-up
 * per request; a revocation forgets its row at once. */
#include "coordinator/api/auth.h"
#include "coordinator/api/context.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/map.h"
#include "wire/pki.h"
#include "wire/token.h"

#include <string.h>

#define CACHE_MS 5000
#define CACHE_MAX 4096
#define USED_EVERY_MS 60000 /* how often lastUsedAt is written */

struct entry {
    struct token_row row;
    int64_t loaded_ms; /* mono */
    int64_t noted_ms;  /* wall, 0: never: CMD_TOKEN_USED was sent */
};

struct auth {
    struct map entries; /* token id -> entry */
};

static void entry_free(struct entry *n)
{
    if (!n) return;
    token_row_fini(&n->row);
    mem_free(n);
}

static void forget_all(struct auth *a)
{
    size_t place = 0;
    struct entry *n;
    while ((n = map_next(&a->entries, &place)))
        entry_free(n);
    map_fini(&a->entries);
    map_init(&a->entries);
}

struct auth *auth_new(void)
{
    struct auth *a = mem_alloc(sizeof *a);
    map_init(&a->entries);
    return a;
}

void auth_free(struct auth *a)
{
    if (!a) return;
    forget_all(a);
    map_fini(&a->entries);
    mem_free(a);
}

void auth_forget(struct auth *a, int64_t token)
{
    entry_free(map_remove(&a->entries, (uint64_t)token));
}

static int load(struct api *api, int64_t id, struct entry **out, struct err *e)
{
    struct auth *a = api->auth;
    struct entry *n = map_find(&a->entries, (uint64_t)id);
    int64_t now_ms = api_mono_ms();
    if (n && now_ms - n->loaded_ms < CACHE_MS) {
        *out = n;
        return 0;
    }
    struct token_row row;
    int rc = reader_token(api->o.reader, id, &row, e);
    if (rc) return rc;
    if (!n) {
        if (a->entries.count >= CACHE_MAX) forget_all(a);
        n = mem_alloc(sizeof *n);
        n->noted_ms = row.last_used_ms;
        map_put(&a->entries, (uint64_t)id, n);
    }
    token_row_fini(&n->row);
    n->row = row;
    n->loaded_ms = now_ms;
    *out = n;
    return 0;
}

static void note_use(struct api *api, struct entry *n, int64_t wall_ms)
{
    if (wall_ms - n->noted_ms < USED_EVERY_MS && wall_ms >= n->noted_ms) return;
    n->noted_ms = wall_ms;
    struct command *c = command_new(CMD_TOKEN_USED);
    c->u.id = n->row.id;
    spine_push(api->o.spine, c);
}

static int parse_header(const char *header, struct token *t, struct problem *p)
{
    static const char scheme[] = "bearer ";
    struct err e = {0};
    if (!header) {
        problem_set(p, 401, "token-missing", "send 'Authorization: Bearer cadre-api-…'", NULL,
                    "this needs an API token");
        return -1;
    }
    size_t i = 0;
    while (scheme[i] && header[i] && (header[i] | 0x20) == (scheme[i] | 0x20))
        i++;
    if (scheme[i]) {
        problem_set(p, 401, "token-malformed", "send 'Authorization: Bearer cadre-api-…'", NULL,
                    "the Authorization header is not of the scheme Bearer");
        return -1;
    }
    if (token_parse(header + i, t, &e) || token_expect(t, TOKEN_API, &e)) {
        problem_set(p, 401, "token-malformed", NULL, NULL, "%s", err_text(&e));
        return -1;
    }
    return 0;
}

/* The secret decides first: who does not have it learns nothing of the token's fate. */
static void judge(const struct token_row *row, const uint8_t hash[32], int64_t wall_ms,
                  struct problem *p)
{
    if (row->role == ROLE_JOIN || !str_secret_eq(row->secret_hash, hash, 32))
        problem_set(
            p, 401, "token-unknown",
            "it may be of another coordinator; make a new one with 'cadre token create api'", NULL,
            "this token is not known here");
    else if (row->revoked_ms)
        problem_set(p, 401, "token-revoked", "ask an administrator for a new one", NULL,
                    "this token was revoked");
    else if (row->expires_ms && wall_ms >= row->expires_ms)
        problem_set(p, 401, "token-expired", "ask an administrator for a new one", NULL,
                    "this token has expired");
}

/* The secret was proved by the very same words before: only the token's fate is left to look at. */
static bool is_known(const struct auth_memory *m, const char *header)
{
    return m->header && str_eq(header, m->header);
}

void auth_memory_fini(struct auth_memory *m)
{
    if (m->header) mem_wipe(m->header, strlen(m->header));
    mem_free(m->header);
    *m = (struct auth_memory){0};
}

static void remember(struct auth_memory *m, const char *header, int64_t token)
{
    auth_memory_fini(m);
    m->header = mem_strdup(header);
    m->token = token;
}

static void check_row(struct api *a, int64_t id, const uint8_t *hash, struct who *who,
                      struct problem *p)
{
    struct entry *n;
    struct err e = {0};
    int64_t wall_ms = api_wall_ms();
    int rc = load(a, id, &n, &e);
    if (rc == ERR_NOT_FOUND) {
        static const struct token_row nobody = {.role = ROLE_JOIN};
        judge(&nobody, hash, wall_ms, p);
        return;
    }
    if (rc) {
        problem_from(p, rc, &e);
        return;
    }
    judge(&n->row, hash ? hash : n->row.secret_hash, wall_ms, p);
    if (p->status) return;
    who->token = id;
    who->role = n->row.role;
    who->ns = mem_strdup(n->row.ns);
    note_use(a, n, wall_ms);
}

void auth_check(struct api *a, struct auth_memory *m, const char *header, struct who *who,
                struct problem *p)
{
    struct token t;
    uint8_t hash[PKI_HASH_BYTES];
    if (is_known(m, header)) {
        check_row(a, m->token, NULL, who, p);
        return;
    }
    if (parse_header(header, &t, p)) return;
    pki_sha256(t.secret, sizeof t.secret, hash);
    int64_t id = t.id;
    mem_wipe(&t, sizeof t);
    check_row(a, id, hash, who, p);
    if (!p->status) remember(m, header, id);
}

bool auth_namespace(const struct who *who, const char *ns, struct problem *p)
{
    if (!who->ns || (ns && str_namespace_covers(who->ns, ns))) return true;
    problem_set(p, 403, "namespace", NULL, NULL,
                "this token is for the namespace %s only, and this is %s%s", who->ns,
                ns ? "of " : "of no namespace", ns ? ns : "");
    return false;
}
