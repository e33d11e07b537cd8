/* Bearer tokens. Rows are kept for a second, so that a busy client costs no look-up per request; a
 * revocation forgets its row at once. */
#include "coordinator/api/auth.h"
#include "coordinator/api/context.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/reads/lookup.h"
#include "coordinator/store/model_token.h"
#include "platform/os.h"
#include "wire/pki.h"
#include "wire/token.h"

#include <string.h>

#define CACHE_MS 1000
#define CACHE_MAX 4096
#define USED_EVERY_MS 60000 /* how often lastUsedAt is written */

struct entry {
    struct token_row row;
    int64_t asked_ms; /* mono */
    int64_t noted_ms; /* wall, 0: never: CMD_TOKEN_USED was sent */
};

struct auth {
    struct map entries; /* token id -> entry */
    uint64_t revocations;
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
    a->revocations++;
}

uint64_t auth_revocations(const struct auth *a)
{
    return a->revocations;
}

const struct token_row *auth_find(const struct auth *a, int64_t token, int64_t now_ms)
{
    const struct entry *n = map_find(&a->entries, (uint64_t)token);
    return n && now_ms - n->asked_ms < CACHE_MS ? &n->row : NULL;
}

const struct token_row *auth_keep(struct auth *a, struct token_row *row, int64_t asked_ms)
{
    struct entry *n = map_find(&a->entries, (uint64_t)row->id);
    if (!n) {
        if (a->entries.count >= CACHE_MAX) forget_all(a);
        n = mem_alloc(sizeof *n);
        n->noted_ms = row->last_used_ms;
        map_put(&a->entries, (uint64_t)row->id, n);
    }
    token_row_fini(&n->row);
    n->row = *row;
    n->asked_ms = asked_ms;
    *row = (struct token_row){0};
    return &n->row;
}

static void note_use(struct api *api, int64_t token, int64_t wall_ms)
{
    struct entry *n = map_find(&api->auth->entries, (uint64_t)token);
    if (!n || (wall_ms - n->noted_ms < USED_EVERY_MS && wall_ms >= n->noted_ms)) return;
    n->noted_ms = wall_ms;
    struct command *c = command_new(CMD_TOKEN_USED);
    c->u.id = token;
    spine_push(api->o.spine, c);
}

static int parse_header(const char *header, struct token *t, struct problem *p)
{
    static const char scheme[] = "bearer ";
    struct err e = {0};
    if (!header) {
        problem_set(p, 401, "token-missing", "send 'Authorization: Bearer cadre-api-…'",
                    "this request needs an API token");
        return -1;
    }
    size_t i = 0;
    while (scheme[i] && header[i] && (header[i] | 0x20) == (scheme[i] | 0x20))
        i++;
    if (scheme[i]) {
        problem_set(p, 401, "token-malformed", "send 'Authorization: Bearer cadre-api-…'",
                    "the Authorization header is not of the scheme Bearer");
        return -1;
    }
    if (token_parse(header + i, t, &e) || token_expect(t, TOKEN_API, &e)) {
        problem_set(p, 401, "token-malformed", NULL, "%s", err_text(&e));
        return -1;
    }
    return 0;
}

/* The secret is compared first, so that a client without it does not learn whether the token was
 * revoked or has expired. */
static void judge(const struct token_row *row, const uint8_t hash[32], int64_t wall_ms,
                  struct problem *p)
{
    bool known = str_secret_eq(row->secret_hash, hash, 32);
    const struct token_refusal *no = token_refusal(known ? row : NULL, wall_ms);
    if (no) problem_set(p, 401, no->code, no->hint, "%s", no->sentence);
}

/* The same header was accepted before: only the token's row has to be looked at. */
static bool is_known(const struct auth_memory *m, const char *header)
{
    return m->header && str_eq(header, m->header);
}

void auth_memory_fini(struct auth_memory *m)
{
    mem_free_secret(m->header);
    *m = (struct auth_memory){0};
}

static void remember(struct auth_memory *m, const char *header, int64_t token)
{
    auth_memory_fini(m);
    m->header = mem_strdup(header);
    m->token = token;
}

void auth_claim_fini(struct auth_claim *c)
{
    mem_free_secret(c->header);
    *c = (struct auth_claim){0};
}

bool auth_read(const struct auth_memory *m, const char *header, struct auth_claim *out,
               struct problem *p)
{
    struct token t;
    if (is_known(m, header)) {
        *out = (struct auth_claim){.token = m->token, .proved = true};
        return true;
    }
    if (parse_header(header, &t, p)) {
        token_fini(&t);
        return false;
    }
    *out = (struct auth_claim){.header = mem_strdup(header), .token = t.id};
    pki_sha256(t.secret, sizeof t.secret, out->hash);
    token_fini(&t);
    return true;
}

void auth_judge(struct api *a, struct auth_memory *m, const struct auth_claim *c,
                const struct token_row *row, struct who *who, struct problem *p)
{
    int64_t wall_ms = os_wall_ms();
    judge(row, c->proved ? row->secret_hash : c->hash, wall_ms, p);
    if (p->status) return;
    who->token = c->token;
    who->role = row->role;
    who->ns = mem_strdup(row->ns);
    who->expires_ms = row->expires_ms;
    note_use(a, c->token, wall_ms);
    if (!c->proved) remember(m, c->header, c->token);
}

bool auth_namespace(const struct who *who, const char *ns, struct problem *p)
{
    return lookup_may_see(who->ns, ns, p);
}
