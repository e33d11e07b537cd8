/* A scratch folder per test, in *state. */
#ifndef CADRE_TESTS_SCRATCH_H
#define CADRE_TESTS_SCRATCH_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/os.h"
#include "platform/paths.h"

static inline int scratch_setup(void **state)
{
    char *temp = paths_temp();
    char *name = str_dupf("cadre-test-%llx", (unsigned long long)os_seed());
    *state = paths_join(temp, name);
    mem_free(name);
    mem_free(temp);
    return dir_make(*state, FILE_SECRET, NULL);
}

static inline int scratch_teardown(void **state)
{
    dir_remove_tree(*state, NULL);
    mem_free(*state);
    return 0;
}

#define SCRATCH_CASE(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

#endif
