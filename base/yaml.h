/* A subset of YAML -> JSON tree, for config files and flows. The only file that sees libyaml is
 * yaml.c.
 *
 * Plain scalars become null (also ~ and nothing), booleans (true/false only; yes/no/on/off stay
 * strings, as YAML 1.2 has it), decimal integers and floats, else strings: so are 0755, 0x1f,
 * 12:30, .inf. Quoted and block scalars are strings always. A number that a double does not hold
 * (integers beyond 64 bits) is refused with the advice to quote it. Keys are texts as written.
 * Merge keys, anchors with aliases: refused ("anchors are not supported"), as are tabs in
 * indentation, duplicate keys, several documents, tags other than the core ones, depth > 64, NUL,
 * invalid UTF-8, more than YAML_MAX_BYTES of input.
 * Every node's line is kept, and every scalar's text. */
#ifndef CADRE_BASE_YAML_H
#define CADRE_BASE_YAML_H

#include "base/err.h"
#include "base/json.h"

#include <stddef.h>

#define YAML_MAX_BYTES (10u * 1024 * 1024)

struct yaml_doc {
    struct json *root;        /* an empty document gives an empty object */
    struct yaml_lines *lines; /* node -> line */
};

/* `name` (a file's path) stands in messages: "agent.yaml:3: duplicate key 'slots'". Of several
 * duplicate keys all are told. */
int yaml_parse(const char *name, const char *text, size_t len, struct yaml_doc *out, struct err *e);
/* Tells of each duplicate key (at most YAML_DUPLICATES_MAX) in the order of lines, and goes on: the
 * document has both members, and who wants it whole has to refuse it. The rest as yaml_parse. */
#define YAML_DUPLICATES_MAX 100
struct yaml_duplicates {
    void (*fn)(int line, const char *sentence, void *user);
    void *user;
};
int yaml_parse_all(const char *name, const char *text, size_t len, const struct yaml_duplicates *d,
                   struct yaml_doc *out, struct err *e);
void yaml_doc_fini(struct yaml_doc *d); /* fine on a zeroed struct */
/* A scalar's text as written (1.10 and 010 as they stand, null as "null" or ""); NULL for a mapping
 * or sequence, or a node that is not of this document. */
const char *yaml_text(const struct yaml_doc *d, const struct json *node);
/* 1-based line of a node of this document; for a member the line of its key; 0 when unknown. */
int yaml_line(const struct yaml_doc *d, const struct json *node);
/* For trees that are put together from a document's parts: `node`, a node of such a tree, has the
 * line and the text of `from`, a node of the document as it was parsed. It must live no shorter
 * than the last question about it. */
void yaml_same_place(struct yaml_doc *d, const struct json *node, const struct json *from);

#endif
