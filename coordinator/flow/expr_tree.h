/* An expression, as it is read: the nodes of its tree, and the reader. Inside of expr*.c. */
#ifndef CADRE_COORDINATOR_FLOW_EXPR_TREE_H
#define CADRE_COORDINATOR_FLOW_EXPR_TREE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "coordinator/flow/expr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPR_NAME_MAX 128 /* bytes of a name in a path */
#define EXPR_SENTENCE_SIZE 300
#define EXPR_ARGS_MAX 8 /* of one call, the value in front of a filter included */

enum expr_kind {
    EXPR_LITERAL, /* value */
    EXPR_LIST,    /* children */
    EXPR_MAP,     /* children: key, value, key, value */
    EXPR_PATH,    /* text is the root, or child the value; steps */
    EXPR_UNARY,   /* op, child */
    EXPR_BINARY,  /* op, two children */
    EXPR_CHOICE,  /* ? and :, three children */
    EXPR_TEST,    /* text is the test's name, child */
    EXPR_FILTER,  /* text, children: the value, then the arguments */
    EXPR_CALL,    /* text, children: the arguments */
};

enum expr_op {
    OP_OR,
    OP_AND,
    OP_IS,
    OP_IS_NOT,
    OP_CONTAINS,
    OP_IN,
    OP_EQ,
    OP_NE,
    OP_LT,
    OP_LE,
    OP_GT,
    OP_GE,
    OP_ADD,
    OP_SUB,
    OP_MUL,
    OP_DIV,
    OP_MOD,
    OP_FILTER,
    OP_CONCAT,
    OP_RANGE,
    OP_NULL,      /* ?? */
    OP_UNDEFINED, /* ??? */
    OP_NOT,
    OP_MINUS,
    OP_PLUS,
};

/* One step of a path. */
struct expr_step {
    const char *name; /* also the text of an index: "0" */
    bool is_index;
    int64_t index;
    struct expr_node *dynamic; /* the value of this is the name or the index; else NULL */
};

struct expr_node {
    enum expr_kind kind;
    enum expr_op op;
    int depth;        /* 1: it has no children */
    const char *text; /* a name */
    const struct json *value;
    struct expr_step *steps; /* behind the root */
    size_t step_count;
    struct expr_node *child, *next; /* the first child, the next one of the parent */
    const char *arg;                /* the name of an argument that has one */
};

/* Everything that belongs to one tree lives as long as this. */
struct expr_tree {
    struct arena arena;
    struct json *literals; /* an array */
    struct expr_node *root;
    char sentence[EXPR_SENTENCE_SIZE]; /* why it cannot be read */
};

void expr_tree_init(struct expr_tree *t);
void expr_tree_fini(struct expr_tree *t);

/* *s stands behind "{{"; afterwards behind "}}", and with "-}}" behind the blanks that follow, too.
 * Linear. false: the sentence says why, and *s is anywhere in the text. */
bool expr_read(const char **s, struct expr_tree *t);
/* Behind "{{": does the '-' take blanks away, and is not that of a number? */
bool expr_trims(const char *s);
/* Bytes of the text at s that stand in front of the expression at `at`, less the blanks that it
 * takes away. */
size_t expr_length_before(const char *s, const char *at);
bool expr_is_blank(char c);

extern const char *const expr_root_names[EXPR_ROOTS];
int expr_root_find(const char *name); /* enum expr_root; -1: there is none */
/* The first `count` steps as the id of an input; false: they are none. */
bool expr_join_steps(const struct expr_step *steps, size_t count, char out[EXPR_NAME_MAX + 1]);

/* Formats a sentence, cut at a character. Returns false. */
bool expr_say(char out[EXPR_SENTENCE_SIZE], const char *fmt, ...) CADRE_PRINTF(2, 3);

#endif
