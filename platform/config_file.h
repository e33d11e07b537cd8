/* A program's YAML file, read into its options. */
#ifndef CADRE_PLATFORM_CONFIG_FILE_H
#define CADRE_PLATFORM_CONFIG_FILE_H

#include "base/err.h"
#include "base/opt.h"

#include <stdbool.h>

/* needed false: a missing file is not an error. The error names file, line and key. */
int config_file_load(struct opt_set *s, const char *path, bool needed, struct err *e);

#endif
