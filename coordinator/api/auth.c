/* Bearer tokens, and sessions of the page. Rows are kept for a second, so that a busy client costs
 * no look-up per request; a revocation, and signing out, forget their row at once. */
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

struct session_entry {
    struct page_session_row row;
    int64_t asked_ms; /* mono */
};

struct auth {
    struct map entries;  /* token id -> entry */
    struct map sessions; /* the beginning of the hash -> session_entry */
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

static void forget_sessions(struct auth *a)
{
    size_t place = 0;
    for (struct session_entry *n; (n = map_next(&a->sessions, &place)) != NULL;)
        mem_free(n);
    map_fini(&a->sessions);
    map_init(&a->sessions);
}

struct auth *auth_new(void)
{
    struct auth *a = mem_alloc(sizeof *a);
    map_init(&a->entries);
    map_init(&a->sessions);
    return a;
}

void auth_free(struct auth *a)
{
    if (!a) return;
    forget_all(a);
    forget_sessions(a);
    map_fini(&a->entries);
    map_fini(&a->sessions);
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

/* Hashes are as good as random: no two sessions share a key but by an accident that nobody will
 * see, and then one takes the other's place. */
static uint64_t session_key(const uint8_t hash[32])
{
    uint64_t key;
    memcpy(&key, hash, sizeof key);
    return key;
}

const struct page_session_row *auth_find_session(const struct auth *a, const uint8_t hash[32],
                                                 int64_t now_ms)
{
    const struct session_entry *n = map_find(&a->sessions, session_key(hash));
    bool fresh = n && now_ms - n->asked_ms < CACHE_MS;
    return fresh && str_secret_eq(n->row.hash, hash, sizeof n->row.hash) ? &n->row : NULL;
}

const struct page_session_row *auth_keep_session(struct auth *a, const struct page_session_row *row,
                                                 int64_t asked_ms)
{
    struct session_entry *n = map_find(&a->sessions, session_key(row->hash));
    if (!n) {
        if (a->sessions.count >= CACHE_MAX) forget_sessions(a);
        n = mem_alloc(sizeof *n);
        map_put(&a->sessions, session_key(row->hash), n);
    }
    *n = (struct session_entry){.row = *row, .asked_ms = asked_ms};
    return &n->row;
}

void auth_forget_session(struct auth *a, int64_t session)
{
    size_t place = 0;
    struct session_entry *n;
    while ((n = map_next(&a->sessions, &place)) != NULL && n->row.id != session)
        continue;
    if (n) mem_free(map_remove(&a->sessions, session_key(n->row.hash)));
    a->revocations++;
}

static void note_use(struct api *api, int64_t token, int64_t wall_ms)
{
    struct entry *n = map_find(&api->auth->entries, (uint64_t)token);
    if (!n || !api->spine || (wall_ms - n->noted_ms < USED_EVERY_MS && wall_ms >= n->noted_ms))
        return;
    n->noted_ms = wall_ms;
    struct command *c = command_new(CMD_TOKEN_USED);
    c->u.id = token;
    spine_push(api->spine, c);
}

static int parse_token(const char *text, struct token *t, struct problem *p)
{
    struct err e = {0};
    if (token_parse(text, t, &e) == 0 && token_expect(t, TOKEN_API, &e) == 0) return 0;
    problem_set(p, 401, "token-malformed", NULL, "%s", err_text(&e));
    return -1;
}

static int parse_header(const char *header, struct token *t, struct problem *p)
{
    static const char scheme[] = "bearer ";
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
    return parse_token(header + i, t, p);
}

static void say_refusal(struct problem *p, const struct token_refusal *no)
{
    if (no) problem_set(p, 401, no->code, no->hint, "%s", no->sentence);
}

void auth_say_session_ended(struct problem *p)
{
    say_refusal(p, page_session_refusal(NULL, 0));
}

/* The secret is compared first, so that a client without it does not learn whether the token was
 * revoked or has expired. */
static void judge(const struct token_row *row, const uint8_t hash[32], int64_t wall_ms,
                  struct problem *p)
{
    bool known = str_secret_eq(row->secret_hash, hash, 32);
    say_refusal(p, token_refusal(known ? row : NULL, wall_ms));
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

static void claim_token(const struct token *t, struct auth_claim *out)
{
    *out = (struct auth_claim){.token = t->id};
    pki_sha256(t->secret, sizeof t->secret, out->hash);
}

bool auth_read(const struct auth_memory *m, const char *header, struct auth_claim *out,
               struct problem *p)
{
    struct token t;
    if (is_known(m, header)) {
        *out = (struct auth_claim){.token = m->token, .proved = true};
        return true;
    }
    bool good = parse_header(header, &t, p) == 0;
    if (good) {
        claim_token(&t, out);
        out->header = mem_strdup(header);
    }
    token_fini(&t);
    return good;
}

bool auth_read_token(const char *text, struct auth_claim *out, struct problem *p)
{
    struct token t;
    bool good = parse_token(text, &t, p) == 0;
    if (good) claim_token(&t, out);
    token_fini(&t);
    return good;
}

void auth_read_cookie(const uint8_t *number, struct auth_claim *out)
{
    *out = (struct auth_claim){.cookie = true};
    pki_sha256(number, sizeof out->hash, out->hash);
}

static void fill_who(struct who *who, const struct token_row *row)
{
    who->token = row->id;
    who->role = row->role;
    who->ns = mem_strdup(row->ns);
    who->expires_ms = row->expires_ms;
}

void auth_judge(struct api *a, struct auth_memory *m, const struct auth_claim *c,
                const struct token_row *row, struct who *who, struct problem *p)
{
    int64_t wall_ms = os_wall_ms();
    judge(row, c->proved ? row->secret_hash : c->hash, wall_ms, p);
    if (p->status) return;
    fill_who(who, row);
    note_use(a, row->id, wall_ms);
    if (c->header) remember(m, c->header, row->id);
}

void auth_judge_session(struct api *a, const struct page_session_row *session,
                        const struct token_row *row, struct who *who, struct problem *p)
{
    int64_t wall_ms = os_wall_ms();
    say_refusal(p, page_session_refusal(session, wall_ms));
    say_refusal(p, token_refusal(row, wall_ms));
    if (p->status) return;
    fill_who(who, row);
    who->session = session->id;
    if (!who->expires_ms || session->ends_ms < who->expires_ms) who->expires_ms = session->ends_ms;
    note_use(a, row->id, wall_ms);
}

bool auth_namespace(const struct who *who, const char *ns, struct problem *p)
{
    return lookup_may_see(who->ns, ns, p);
}
