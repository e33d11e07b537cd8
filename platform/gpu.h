/* The graphics processors that jobs can compute on: those with NVIDIA's or AMD's own driver. Twin
 * files: linux/gpu.c, windows/gpu.c. */
#ifndef CADRE_PLATFORM_GPU_H
#define CADRE_PLATFORM_GPU_H

#include "base/json.h"

#include <stdbool.h>
#include <stdint.h>

struct gpus {
    bool known; /* the number is known; false: there is no driver, or no way to tell */
    int count;
    char *model;          /* of the first */
    int64_t memory_bytes; /* the smallest of all; 0: unknown */
    char *driver;         /* version, as its maker counts */
    char *cuda;           /* the newest version that the driver supports */
};

/* Fills a zeroed struct. `root`: "", or a folder that stands for "/" (Linux, tests). On Linux it
 * may run nvidia-smi for 3 s; on Windows it runs no program and loads no driver. */
void gpus_gather(const char *root, struct gpus *g);
void gpus_fini(struct gpus *g);
/* Their capabilities: members "gpu" and "cuda" of the open object, as far as they are known. */
void gpus_write(const struct gpus *g, struct jw *w);

#endif
