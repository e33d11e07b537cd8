/* The graphics processors that jobs can compute on: NVIDIA's and AMD's, with their makers'
 * drivers. */
#ifndef CADRE_PLATFORM_WINDOWS_GPU_H
#define CADRE_PLATFORM_WINDOWS_GPU_H

#include <stdint.h>

struct gpus {
    int count;
    char *model;          /* of the first */
    int64_t memory_bytes; /* of the one that has least; 0 = unknown */
    char *driver;         /* version, as its maker counts */
    char *cuda;           /* the newest that the driver serves */
};

/* Fills a zeroed struct. Runs no program and loads no driver. */
void gpus_gather(struct gpus *g);
void gpus_fini(struct gpus *g);

#endif
