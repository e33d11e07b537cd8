/* What the coordinator's host tells the engine once a minute (CMD_STANDING), for rules. */
#ifndef CADRE_COORDINATOR_ENGINE_STANDING_H
#define CADRE_COORDINATOR_ENGINE_STANDING_H

#include <stdint.h>

struct span { /* wall, ms */
    int64_t from_ms, until_ms;
};

struct standing {
    int64_t disk_free;      /* bytes, where the state folder is; -1: not known */
    struct span ca, server; /* the lives of the certificates */
    struct span web;        /* ... of that of `web:`; all 0: there is none */
};

#endif
