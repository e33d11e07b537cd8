/* Join and API tokens (design 7): "cadre-join-" or "cadre-api-" and base64url of
 *   u8 version (1), u8 count, count x (u8 length, "host:port"), 32 bytes SHA-256 of the CA's
 *   SubjectPublicKeyInfo, 8 bytes token id (big endian), 16 bytes secret.
 * Pure; random bytes come from the caller. */
#ifndef CADRE_WIRE_TOKEN_H
#define CADRE_WIRE_TOKEN_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define DEFAULT_PORT 7433
#define TOKEN_ADDRESSES 8
#define TOKEN_ADDRESS_SIZE 256 /* bytes with the NUL */
#define TOKEN_PIN_BYTES 32
#define TOKEN_SECRET_BYTES 16
#define TOKEN_TEXT_SIZE 3072

enum token_kind { TOKEN_JOIN, TOKEN_API };

struct token {
    enum token_kind kind;
    char address[TOKEN_ADDRESSES][TOKEN_ADDRESS_SIZE]; /* "host:port", "[::1]:7433" */
    size_t address_count;
    uint8_t pin[TOKEN_PIN_BYTES];
    int64_t id;
    uint8_t secret[TOKEN_SECRET_BYTES];
};

/* ERR_INVALID: an invalid address or id. ERR_TOO_LARGE: out_size is below TOKEN_TEXT_SIZE. */
int token_format(const struct token *t, char *out, size_t out_size);
/* ERR_INVALID says what is wrong: not a token at all, cut off when pasted, damaged, of a later
 * version. Blanks and line breaks around the token are ignored. The message never contains the
 * token. */
int token_parse(const char *s, struct token *out, struct err *e);
/* Overwrites the parsed values, above all the secret. May be called after a failed token_parse,
 * too. */
void token_fini(struct token *t);
/* ERR_INVALID, with a sentence that says where the token belongs, when it is of the other kind. */
int token_expect(const struct token *t, enum token_kind kind, struct err *e);

/* "host:port" -> parts; "[v6]:port" (the host comes without brackets); a missing port takes
 * default_port. Port 0 is accepted: to listen on port 0 means any free port. */
int address_parse(const char *s, uint16_t default_port, char *host, size_t host_size,
                  uint16_t *port, struct err *e);
/* The same of an address to connect to: port 0, which lets a listener choose one, is refused. */
int address_parse_peer(const char *s, uint16_t default_port, char *host, size_t host_size,
                       uint16_t *port, struct err *e);

#endif
