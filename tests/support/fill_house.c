/* A large house without its history: fill_house FOLDER GROUPS JOBS AGENTS puts GROUPS groups with
 * JOBS queued jobs each, and AGENTS agents that are away, into FOLDER/server, which
 * 'cadre-coordinator init' has made and no coordinator has open. */
#include "tests/bench/fill.h"

#include "base/err.h"
#include "wire/pki.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    struct fill_agents agents;
    struct err e = {0};
    if (argc != 5) {
        fputs("usage: fill_house FOLDER GROUPS JOBS AGENTS\n", stderr);
        return 2;
    }
    if (pki_init(&e)) {
        fprintf(stderr, "fill_house: %s\n", e.msg);
        return 1;
    }
    fill_queues(argv[1], strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
    fill_agents(argv[1], strtoul(argv[4], NULL, 10), &agents);
    fill_agents_free(&agents);
    pki_fini();
    return 0;
}
