/* The first token. */
#include "coordinator/trust/admin_token.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/trust/names.h"
#include "platform/files.h"
#include "platform/paths.h"
#include "wire/pki.h"
#include "wire/token.h"

#include <string.h>

int token_fresh(enum token_role role, int64_t now_ms, struct token_row *row, uint8_t secret[16],
                struct err *e)
{
    uint32_t random;
    int rc = pki_random(secret, TOKEN_SECRET_BYTES, e);
    if (!rc) rc = pki_random(&random, sizeof random, e);
    if (rc) return rc;
    *row = (struct token_row){.id = id_make(now_ms, random),
                              .role = role,
                              .created_ms = now_ms,
                              .uses_left = -1};
    pki_sha256(secret, TOKEN_SECRET_BYTES, row->secret_hash);
    return 0;
}

static int write_token(const char *path, const struct token *t, struct err *e)
{
    char text[TOKEN_TEXT_SIZE + 1];
    int rc = token_format(t, text, TOKEN_TEXT_SIZE);
    if (rc) return err_set(e, rc, "%s: the token cannot be written as text", path);
    size_t len = strlen(text);
    text[len++] = '\n';
    rc = file_write_atomic(path, text, len, FILE_SECRET, e);
    mem_wipe(text, sizeof text);
    return rc;
}

int admin_token_make(struct store *s, const struct config *c, const char *name, const uint8_t *pin,
                     int64_t now_ms, struct err *e)
{
    struct token t = {.kind = TOKEN_API};
    struct token_row row;
    char host[TOKEN_ADDRESS_SIZE];
    uint16_t port;
    int rc = token_fresh(ROLE_ADMIN, now_ms, &row, t.secret, e);
    if (!rc) rc = address_parse(c->listen, DEFAULT_PORT, host, sizeof host, &port, e);
    if (rc) {
        token_fini(&t);
        return rc;
    }
    row.name = mem_strdup(name);
    names_for_token(c, port, true, &t);
    memcpy(t.pin, pin, sizeof t.pin);
    t.id = row.id;
    rc = store_begin(s, e);
    if (!rc) rc = store_token_insert(s, &row, e);
    if (!rc)
        rc = store_commit(s, e);
    else
        store_rollback(s);
    token_row_fini(&row);
    if (!rc) {
        char *path = paths_join(c->state, ADMIN_TOKEN_FILE);
        rc = write_token(path, &t, e);
        mem_free(path);
    }
    token_fini(&t);
    return rc;
}

int64_t admin_token_id(const struct config *c, struct err *e)
{
    char *path = paths_join(c->state, ADMIN_TOKEN_FILE);
    struct buf text;
    struct token t;
    int64_t id = 0;
    buf_init(&text, TOKEN_TEXT_SIZE);
    struct err why = {0};
    int rc = file_read(path, TOKEN_TEXT_SIZE - 1, &text, e);
    if (!rc) rc = token_parse(text.len ? text.data : "", &t, &why);
    if (!rc) {
        id = t.id;
        token_fini(&t);
    } else if (why.code) {
        err_set(e, rc, "%s: %s", path, err_text(&why));
    }
    buf_fini_secret(&text);
    mem_free(path);
    return id;
}

static bool same_place(const struct token *a, const struct token *b)
{
    if (a->address_count != b->address_count || memcmp(a->pin, b->pin, sizeof a->pin) != 0)
        return false;
    for (size_t i = 0; i < a->address_count; i++)
        if (!str_eq(a->address[i], b->address[i])) return false;
    return true;
}

int admin_token_refresh(const struct config *c, const uint8_t *pin, uint16_t port, struct err *e)
{
    char *path = paths_join(c->state, ADMIN_TOKEN_FILE);
    struct buf text;
    struct token old, now;
    buf_init(&text, TOKEN_TEXT_SIZE);
    int rc = file_exists(path) ? file_read(path, TOKEN_TEXT_SIZE, &text, e) : 0;
    if (!rc && text.len && token_parse(text.data, &old, NULL) == 0) {
        now = old;
        names_for_token(c, port, true, &now);
        memcpy(now.pin, pin, sizeof now.pin);
        if (!same_place(&old, &now)) rc = write_token(path, &now, e);
        token_fini(&old);
        token_fini(&now);
    }
    buf_fini_secret(&text);
    mem_free(path);
    return rc;
}
