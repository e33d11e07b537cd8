/* Finds the message that commits in what a client of PostgreSQL sends: the use of a prepared
 * "COMMIT", or one as text. Sees all that the client sends from its first byte on. */
#ifndef CADRE_TESTS_PG_COMMIT_H
#define CADRE_TESTS_PG_COMMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PG_COMMIT_NAMES 8
#define PG_COMMIT_NAME_SIZE 64

/* Zeroed: nothing was sent. */
struct pg_commit {
    bool begun; /* the startup packet has passed: from there on messages have a type */
    bool lost;  /* what is sent is not PostgreSQL's */
    /* Of the statements that are a prepared COMMIT. The unnamed one is "-". */
    char names[PG_COMMIT_NAMES][PG_COMMIT_NAME_SIZE];
    unsigned char head[5]; /* type and length */
    size_t head_len;
    uint32_t left; /* of the body */
    char body[128];
    size_t body_len;
};

/* Where the message begins in these bytes that commits: the first one that ends in them. 0 when it
 * began before. len: there is none. */
size_t pg_commit_find(struct pg_commit *f, const char *data, size_t len);

#endif
