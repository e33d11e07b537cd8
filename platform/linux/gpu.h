/* The graphics processors that jobs can compute on: those with NVIDIA's or AMD's driver. */
#ifndef CADRE_PLATFORM_LINUX_GPU_H
#define CADRE_PLATFORM_LINUX_GPU_H

#include <stdbool.h>
#include <stdint.h>

struct gpus {
    bool known; /* how many there are; false: hardware without its driver, or no way to tell */
    int count;
    char *model;          /* of the first */
    int64_t memory_bytes; /* of the one that has least; 0 = unknown */
    char *driver;         /* version */
    char *cuda;           /* the newest that the driver serves */
};

/* `root`: "" or a folder that stands for "/" (tests). Fills a zeroed struct. May run nvidia-smi for
 * 3 s. */
void gpus_gather(const char *root, struct gpus *g);
void gpus_fini(struct gpus *g);

#endif
