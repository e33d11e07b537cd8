/* What the machine says of itself is JSON of the right types; GPUs are read from folders that stand
 * for "/". */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "platform/capabilities.h"
#include "platform/files.h"
#include "platform/gpu.h"
#include "platform/os.h"
#include "platform/paths.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define GIB ((int64_t)1024 * 1024 * 1024)

static int setup(void **state)
{
    char *temp = paths_temp();
    *state = str_dupf("%s/cadre-test-%" PRIx64, temp, os_seed());
    mem_free(temp);
    return dir_make(*state, FILE_SECRET, NULL);
}

static int teardown(void **state)
{
    dir_remove_tree(*state, NULL);
    mem_free(*state);
    return 0;
}

static struct json *gather_in(const char *folder, const char *path)
{
    struct buf b;
    struct jw w;
    struct json *root = NULL;
    buf_init(&b, 65536);
    jw_init(&w, &b);
    jw_object(&w, NULL);
    capabilities_write(&w, folder, path);
    jw_end(&w);
    assert_int_equal(jw_finish(&w), 0);
    assert_int_equal(json_parse(b.data, b.len, &root, NULL), 0);
    buf_fini(&b);
    return root;
}

static struct json *gather(const char *folder)
{
    return gather_in(folder, NULL);
}

static void what_every_linux_tells__is_there_with_its_type(void **state)
{
    struct json *c = gather(*state);
    assert_string_equal(json_get_str(c, "os", ""), "linux");
    assert_true(strlen(json_get_str(c, "kernel", "")) > 2);
    assert_true(strlen(json_get_str(c, "arch", "")) > 2);
    assert_true(strlen(json_get_str(c, "hostname", "")) > 0);
    assert_true(json_get_int(c, "cpus", 0) >= 1);
    assert_true(json_get_int(c, "memory", 0) > 16 * 1024 * 1024);
    int64_t disk = json_get_int(c, "disk", -1);
    assert_true(disk >= 0);
    assert_int_equal(disk % (64 * 1024 * 1024), 0);
    const struct json *shells = json_get(c, "shell");
    assert_int_equal(json_type(shells), JSON_ARRAY);
    bool sh = false;
    for (const struct json *s = json_first(shells); s; s = json_next(s))
        sh = sh || str_eq(json_str(s, ""), "sh");
    assert_true(sh);
    assert_int_equal(json_type(json_get(c, "feature")), JSON_ARRAY);
    json_free(c);
}

static void a_disk_that_cannot_be_seen__is_left_out(void **state)
{
    (void)state;
    struct json *c = gather("/nonexistent/folder");
    assert_null(json_get(c, "disk"));
    json_free(c);
    c = gather(NULL);
    assert_null(json_get(c, "disk"));
    json_free(c);
}

static void put(const char *root, const char *path, const char *text, mode_t mode)
{
    char *full = str_dupf("%s%s", root, path);
    char *folder = paths_dir(full);
    assert_int_equal(dir_make(folder, FILE_PUBLIC, NULL), 0);
    assert_int_equal(file_write_plain(full, text, strlen(text), FILE_PUBLIC, NULL), 0);
    assert_int_equal(chmod(full, mode), 0);
    mem_free(folder);
    mem_free(full);
}

static void shells__are_looked_for_in_the_path_of_jobs(void **state)
{
    put(*state, "/pwsh", "#!/bin/sh\n", 0755);
    put(*state, "/bash", "not to be executed\n", 0644);
    struct json *c = gather_in(NULL, *state);
    const struct json *shells = json_get(c, "shell");
    assert_int_equal(json_count(shells), 1);
    assert_string_equal(json_str(json_first(shells), ""), "pwsh");
    json_free(c);
    c = gather_in(NULL, "/nonexistent");
    assert_int_equal(json_count(json_get(c, "shell")), 0);
    json_free(c);
}

static void gpu__of_an_empty_machine_is_unknown(void **state)
{
    struct gpus g = {.count = 0};
    gpus_gather(*state, &g);
    assert_false(g.known);
    assert_int_equal(g.count, 0);
    gpus_fini(&g);
}

static void gpu__of_a_pci_bus_without_any_is_none(void **state)
{
    struct gpus g = {.count = 0};
    put(*state, "/sys/bus/pci/devices/0000:00:01.0/class", "0x030000\n", 0644);
    put(*state, "/sys/bus/pci/devices/0000:00:01.0/vendor", "0x1234\n", 0644);
    gpus_gather(*state, &g);
    assert_true(g.known);
    assert_int_equal(g.count, 0);
    gpus_fini(&g);
}

static void gpu__without_its_driver_is_unknown(void **state)
{
    struct gpus g = {.count = 0};
    put(*state, "/sys/bus/pci/devices/0000:00:1e.0/class", "0x030200\n", 0644);
    put(*state, "/sys/bus/pci/devices/0000:00:1e.0/vendor", "0x10de\n", 0644);
    gpus_gather(*state, &g);
    assert_false(g.known);
    gpus_fini(&g);
}

static void nvidia_files(const char *root)
{
    put(root, "/proc/driver/nvidia/version",
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.54.03  Tue Jun  6 22:20:39 UTC 2023\n"
        "GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n",
        0644);
    put(root, "/proc/driver/nvidia/gpus/0000:00:1e.0/information",
        "Model: \t\t Tesla T4\nIRQ:   \t\t 33\n", 0644);
    put(root, "/proc/driver/nvidia/gpus/0000:00:1f.0/information",
        "Model: \t\t Tesla T4\nIRQ:   \t\t 34\n", 0644);
}

static void gpu__nvidia_by_its_files(void **state)
{
    struct gpus g = {.count = 0};
    nvidia_files(*state);
    gpus_gather(*state, &g);
    assert_true(g.known);
    assert_int_equal(g.count, 2);
    assert_string_equal(g.model, "Tesla T4");
    assert_string_equal(g.driver, "535.54.03");
    assert_int_equal(g.memory_bytes, 0);
    assert_null(g.cuda);
    gpus_fini(&g);
}

static void gpu__nvidia_smi_adds_memory_and_cuda(void **state)
{
    struct gpus g = {.count = 0};
    nvidia_files(*state);
    put(*state, "/usr/bin/nvidia-smi",
        "#!/bin/sh\n"
        "test \"$1\" = -q || exit 1\n"
        "cat <<END\n"
        "==============NVSMI LOG==============\n"
        "Timestamp                                 : Tue Jun  6 22:20:39 2023\n"
        "Driver Version                            : 535.54.03\n"
        "CUDA Version                              : 12.2\n"
        "\n"
        "Attached GPUs                             : 2\n"
        "GPU 00000000:00:1E.0\n"
        "    Product Name                          : Tesla T4\n"
        "    FB Memory Usage\n"
        "        Total                             : 16384 MiB\n"
        "        Reserved                          : 445 MiB\n"
        "    BAR1 Memory Usage\n"
        "        Total                             : 256 MiB\n"
        "GPU 00000000:00:1F.0\n"
        "    Product Name                          : Tesla T4\n"
        "    FB Memory Usage\n"
        "        Total                             : 15360 MiB\n"
        "END\n",
        0755);
    gpus_gather(*state, &g);
    assert_true(g.known);
    assert_int_equal(g.count, 2);
    assert_true(g.memory_bytes == 15 * GIB);
    assert_string_equal(g.cuda, "12.2");
    gpus_fini(&g);
}

static void gpu__nvidia_smi_that_fails_or_talks_nonsense_changes_nothing(void **state)
{
    static const char *const scripts[] = {
        "#!/bin/sh\necho 'NVIDIA-SMI has failed because it could not communicate with the "
        "driver.'; exit 9\n",
        "#!/bin/sh\nhead -c 3000000 /dev/zero | tr '\\0' x\n",
        "#!/bin/sh\nprintf 'Attached GPUs : lots\\nFB Memory Usage\\nTotal : 99999999999999999999 "
        "MiB\\n'\n",
        "#!/bin/sh\nprintf 'Attached GPUs : -5\\nFB Memory Usage\\nTotal : N/A\\nCUDA Version : "
        "N/A\\n'\n",
        "#!/nonexistent/shell\n",
    };
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        struct gpus g = {.count = 0};
        put(*state, "/usr/bin/nvidia-smi", scripts[i], 0755);
        gpus_gather(*state, &g);
        assert_false(g.known);
        assert_int_equal(g.count, 0);
        assert_int_equal(g.memory_bytes, 0);
        assert_null(g.cuda);
        gpus_fini(&g);
    }
}

/* ---- who waits for whom -------------------------------------------------------------------- */

/* Stand before the true ones (CMakeLists.txt). The agent's loop reaps every child, and numbers are
 * given anew: a wait by number may take up the end of a job's process. */
static int waits_by_number;
pid_t __real_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
    waits_by_number += pid > 0;
    return __real_waitpid(pid, status, options);
}

static void assert_no_child_is_left(void)
{
    assert_int_equal(__real_waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void gpu__nvidia_smi_is_reaped_and_never_by_its_number(void **state)
{
    static const char *const scripts[] = {
        "#!/bin/sh\necho 'Attached GPUs : 2'\n",
        "#!/bin/sh\necho 'Attached GPUs : 2'; exec >/dev/null; exec sleep 0.01\n",
        "#!/nonexistent/shell\n",
    };
    waits_by_number = 0;
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        struct gpus g = {.count = 0};
        put(*state, "/usr/bin/nvidia-smi", scripts[i], 0755);
        gpus_gather(*state, &g);
        assert_int_equal(g.count, i < 2 ? 2 : 0);
        assert_no_child_is_left();
        gpus_fini(&g);
    }
    assert_int_equal(waits_by_number, 0);
}

static void gpu__nvidia_smi_that_hangs_is_ended(void **state)
{
    struct gpus g = {.count = 0};
    nvidia_files(*state);
    put(*state, "/usr/bin/nvidia-smi", "#!/bin/sh\nexec sleep 1000\n", 0755);
    waits_by_number = 0;
    int64_t before_ms = os_mono_ms();
    gpus_gather(*state, &g);
    int64_t took_ms = os_mono_ms() - before_ms;
    assert_true(took_ms >= 2900);
    assert_true(took_ms < 60000);
    assert_int_equal(g.count, 2);
    assert_int_equal(waits_by_number, 0);
    assert_no_child_is_left();
    gpus_fini(&g);
}

static void *reap_all(void *stop)
{
    while (!atomic_load((atomic_bool *)stop)) {
        __real_waitpid(-1, NULL, WNOHANG);
        sched_yield();
    }
    return NULL;
}

static void gpu__nvidia_smi_that_the_loop_reaps_is_understood_all_the_same(void **state)
{
    atomic_bool stop = false;
    pthread_t loop;
    put(*state, "/usr/bin/nvidia-smi", "#!/bin/sh\necho 'Attached GPUs : 2'\n", 0755);
    assert_int_equal(pthread_create(&loop, NULL, reap_all, &stop), 0);
    for (int i = 0; i < 20; i++) {
        struct gpus g = {.count = 0};
        gpus_gather(*state, &g);
        assert_int_equal(g.count, 2);
        gpus_fini(&g);
    }
    atomic_store(&stop, true);
    pthread_join(loop, NULL);
    assert_no_child_is_left();
}

static void gpu__amd_by_its_files(void **state)
{
    struct gpus g = {.count = 0};
    put(*state, "/sys/class/drm/card0/device/vendor", "0x8086\n", 0644);
    put(*state, "/sys/class/drm/card1/device/vendor", "0x1002\n", 0644);
    put(*state, "/sys/class/drm/card1/device/mem_info_vram_total", "17163091968\n", 0644);
    put(*state, "/sys/class/drm/card1/device/product_name", "AMD Instinct MI50\n", 0644);
    put(*state, "/sys/class/drm/card1-DP-1/device/vendor", "0x1002\n", 0644);
    put(*state, "/sys/class/drm/card1-DP-1/device/mem_info_vram_total", "1\n", 0644);
    put(*state, "/sys/module/amdgpu/version", "6.3.6\n", 0644);
    gpus_gather(*state, &g);
    assert_true(g.known);
    assert_int_equal(g.count, 1);
    assert_true(g.memory_bytes == INT64_C(17163091968));
    assert_string_equal(g.model, "AMD Instinct MI50");
    assert_string_equal(g.driver, "6.3.6");
    gpus_fini(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        CASE(what_every_linux_tells__is_there_with_its_type),
        CASE(a_disk_that_cannot_be_seen__is_left_out),
        CASE(shells__are_looked_for_in_the_path_of_jobs),
        CASE(gpu__of_an_empty_machine_is_unknown),
        CASE(gpu__of_a_pci_bus_without_any_is_none),
        CASE(gpu__without_its_driver_is_unknown),
        CASE(gpu__nvidia_by_its_files),
        CASE(gpu__nvidia_smi_adds_memory_and_cuda),
        CASE(gpu__nvidia_smi_that_fails_or_talks_nonsense_changes_nothing),
        CASE(gpu__nvidia_smi_that_hangs_is_ended),
        CASE(gpu__nvidia_smi_is_reaped_and_never_by_its_number),
        CASE(gpu__nvidia_smi_that_the_loop_reaps_is_understood_all_the_same),
        CASE(gpu__amd_by_its_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
