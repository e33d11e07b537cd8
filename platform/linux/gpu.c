/* NVIDIA: /proc/driver/nvidia and `nvidia-smi -q`. AMD: the amdgpu driver's files in
 * /sys/class/drm. A GPU without a driver is found on the PCI bus. */
#include "platform/gpu.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/os.h"
#include "platform/linux/proc_table.h"
#include "platform/linux/spawn.h"
#include "platform/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SMI_LIMIT_MS 3000
#define SMI_END_MS 1000 /* from its last word, or its kill, to its end */
#define SMI_MAX_BYTES (1024u * 1024)
#define FILE_MAX_BYTES (64u * 1024)
#define MIB ((int64_t)1024 * 1024)
#define VENDOR_NVIDIA "0x10de"
#define VENDOR_AMD "0x1002"

extern char **environ;

struct gather {
    const char *root;
    struct gpus *g;
    const char *folder; /* the folder that is being listed */
    bool bare;          /* there is a GPU whose driver does not report it */
    int amd;
};

/* The file's content without surrounding blanks; NULL when it cannot be read; mem_free. */
static char *read_text(const char *folder, const char *name)
{
    struct buf b;
    char *path = str_dupf("%s/%s", folder, name), *text = NULL;
    buf_init(&b, FILE_MAX_BYTES);
    if (file_read(path, FILE_MAX_BYTES, &b, NULL) == 0) text = mem_strdup(str_trim(b.data));
    buf_fini(&b);
    mem_free(path);
    return text;
}

/* "   Key    : value" -> value within the line, NULL when the key is another. Cuts the line. */
static char *value_of(char *line, const char *key)
{
    size_t len = strlen(key);
    line += strspn(line, " \t");
    if (strncmp(line, key, len) != 0) return NULL;
    line += len + strspn(line + len, " \t");
    return *line == ':' ? str_trim(line + 1) : NULL;
}

static void set_once(char **out, const char *value)
{
    if (!*out && !str_empty(value) && !str_eq(value, "N/A")) *out = mem_strdup(value);
}

static void least_memory(struct gpus *g, int64_t bytes)
{
    if (bytes > 0 && (g->memory_bytes == 0 || bytes < g->memory_bytes)) g->memory_bytes = bytes;
}

/* ---- nvidia-smi ---------------------------------------------------------------------------- */

static void parse_smi(struct gpus *g, char *text)
{
    bool frame_buffer = false;
    char *rest = text, *line, *value;
    while ((line = strsep(&rest, "\n"))) {
        if (strstr(line, "FB Memory Usage")) {
            frame_buffer = true;
        } else if ((value = value_of(line, "Driver Version"))) {
            set_once(&g->driver, value);
        } else if ((value = value_of(line, "CUDA Version"))) {
            set_once(&g->cuda, value);
        } else if ((value = value_of(line, "Product Name"))) {
            set_once(&g->model, value);
        } else if ((value = value_of(line, "Attached GPUs"))) {
            int64_t count;
            if (str_int64(value, &count) != 0 || count < 0 || count > 1024) continue;
            g->known = true;
            g->count = (int)count;
        } else if (frame_buffer && (value = value_of(line, "Total"))) {
            frame_buffer = false;
            int64_t mib;
            char *unit = strchr(value, ' ');
            if (!unit || !str_eq(unit, " MiB")) continue;
            *unit = '\0';
            if (str_int64(value, &mib) == 0 && mib > 0 && mib < INT64_MAX / MIB)
                least_memory(g, mib * MIB);
        }
    }
}

/* Reads until the end of the output or the time limit. true: the end. */
static bool read_until(int fd, struct buf *out, int64_t until_ms)
{
    char chunk[4096];
    for (;;) {
        int64_t left = until_ms - os_mono_ms();
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (left <= 0 || poll(&ready, 1, (int)left) == 0) return false;
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n == 0;
        if (buf_add(out, chunk, (size_t)n) != 0) return false;
    }
}

/* A program that answers on its standard output. It is started away from the loop, which reaps
 * every child that has ended: but for `handle` there is no safe name for it. */
struct helper {
    int handle; /* its pidfd; -1: the kernel has no pidfds */
    int output;
    struct proc seen; /* at its start; pid 0: not seen */
};

static bool helper_start(struct helper *h, const char *file, const char *const *argv)
{
    struct spawn_stack stack = {.base = NULL};
    int pipe_fds[2], null_fd = spawn_above_standard(open("/dev/null", O_RDWR | O_CLOEXEC));
    *h = (struct helper){.handle = -1, .output = -1};
    if (null_fd >= 0 && pipe2(pipe_fds, O_CLOEXEC) == 0) {
        h->output = pipe_fds[0];
        int end = spawn_above_standard(pipe_fds[1]);
        /* in our session, so that it does not count as a process that a job left */
        struct spawn s = {.path = file,
                          .argv = argv,
                          .env = (const char *const *)environ,
                          .cgroup = -1,
                          .same_session = true,
                          .pidfd = &h->handle,
                          .fds = {null_fd, end, null_fd}};
        pid_t pid = end >= 0 && spawn_stack_init(&stack) == 0 ? spawn_process(&s, &stack) : -1;
        if (pid > 0 && h->handle < 0 && proc_read(pid, &h->seen) != 0) h->seen.pid = 0;
        if (pid < 0) {
            close(h->output);
            h->output = -1;
        }
        if (end >= 0) close(end);
        spawn_stack_fini(&stack);
    }
    if (null_fd >= 0) close(null_fd);
    return h->output >= 0;
}

static void helper_kill(const struct helper *h)
{
    if (h->handle >= 0) {
        syscall(SYS_pidfd_send_signal, h->handle, SIGKILL, NULL, 0);
    } else if (h->seen.pid > 0) {
        proc_kill(&h->seen);
    }
}

/* A program that cannot be killed now, or that has no handle, is reaped with the other children. */
static void helper_end(struct helper *h, bool complete)
{
    close(h->output);
    if (!complete) helper_kill(h);
    if (h->handle < 0) return;
    struct pollfd end = {.fd = h->handle, .events = POLLIN};
    poll(&end, 1, SMI_END_MS);
    spawn_reap(h->handle);
    close(h->handle);
}

static bool run_smi(const char *file, struct buf *out)
{
    static const char *const argv[] = {"nvidia-smi", "-q", NULL};
    struct helper h;
    if (!helper_start(&h, file, argv)) return false;
    bool complete = read_until(h.output, out, os_mono_ms() + SMI_LIMIT_MS);
    helper_end(&h, complete);
    return complete;
}

static void ask_smi(struct gather *a)
{
    char *path = str_dupf("%s/usr/local/bin:%s/usr/bin:%s/bin:%s/usr/lib/wsl/lib", a->root, a->root,
                          a->root, a->root);
    char *file = process_find_program("nvidia-smi", path);
    struct buf out;
    buf_init(&out, SMI_MAX_BYTES);
    if (file && run_smi(file, &out)) parse_smi(a->g, out.data);
    buf_fini(&out);
    mem_free(file);
    mem_free(path);
}

/* ---- the drivers' files -------------------------------------------------------------------- */

static int on_nvidia(const char *name, void *user)
{
    struct gather *a = user;
    char *folder = str_dupf("%s/%s", a->folder, name);
    char *text = read_text(folder, "information");
    char *rest = text, *line, *value;
    a->g->known = true;
    a->g->count++;
    while (rest && (line = strsep(&rest, "\n"))) {
        if ((value = value_of(line, "Model"))) set_once(&a->g->model, value);
    }
    mem_free(text);
    mem_free(folder);
    return 0;
}

/* "NVRM version: NVIDIA UNIX x86_64 Kernel Module 535.54.03 Tue Jun ...": the first word of digits
 * and dots behind "Module". */
static void nvidia_version(struct gather *a, char *text)
{
    char *at = strstr(text, "Module");
    for (char *word; at && (word = strsep(&at, " \t\n"));) {
        if (*word && strspn(word, "0123456789.") == strlen(word) && strchr(word, '.')) {
            set_once(&a->g->driver, word);
            return;
        }
    }
}

static void ask_nvidia(struct gather *a)
{
    char *folder = str_dupf("%s/proc/driver/nvidia/gpus", a->root);
    a->folder = folder;
    dir_list(folder, on_nvidia, a, NULL);
    mem_free(folder);
    folder = str_dupf("%s/proc/driver/nvidia", a->root);
    char *text = read_text(folder, "version");
    if (text) nvidia_version(a, text);
    mem_free(text);
    mem_free(folder);
}

static bool is_card(const char *name)
{
    size_t digits = str_starts(name, "card") ? strspn(name + 4, "0123456789") : 0;
    return digits > 0 && name[4 + digits] == '\0';
}

static int on_card(const char *name, void *user)
{
    struct gather *a = user;
    int64_t bytes;
    if (!is_card(name)) return 0;
    char *folder = str_dupf("%s/%s/device", a->folder, name);
    char *vendor = read_text(folder, "vendor"), *memory = read_text(folder, "mem_info_vram_total");
    if (str_eq(vendor, VENDOR_AMD) && memory && str_int64(memory, &bytes) == 0) {
        char *model = read_text(folder, "product_name");
        a->g->known = true;
        a->g->count++;
        a->amd++;
        least_memory(a->g, bytes);
        set_once(&a->g->model, model);
        mem_free(model);
    }
    mem_free(vendor);
    mem_free(memory);
    mem_free(folder);
    return 0;
}

static void ask_amd(struct gather *a)
{
    char *folder = str_dupf("%s/sys/class/drm", a->root);
    a->folder = folder;
    dir_list(folder, on_card, a, NULL);
    mem_free(folder);
    if (a->amd == 0) return;
    folder = str_dupf("%s/sys/module/amdgpu", a->root);
    char *version = read_text(folder, "version");
    set_once(&a->g->driver, version);
    mem_free(version);
    mem_free(folder);
}

/* PCI class 03: display controllers, among them those without a screen. */
static int on_pci(const char *name, void *user)
{
    struct gather *a = user;
    char *folder = str_dupf("%s/%s", a->folder, name);
    char *class = read_text(folder, "class"), *vendor = read_text(folder, "vendor");
    if (class && str_starts(class, "0x03") &&
        (str_eq(vendor, VENDOR_NVIDIA) || str_eq(vendor, VENDOR_AMD))) {
        a->bare = true;
    }
    mem_free(class);
    mem_free(vendor);
    mem_free(folder);
    return 0;
}

void gpus_gather(const char *root, struct gpus *g)
{
    struct gather a = {.root = root, .g = g};
    ask_nvidia(&a);
    /* the files have neither memory nor CUDA; nvidia-smi has these and all other values */
    ask_smi(&a);
    ask_amd(&a);
    if (g->known) return;
    char *folder = str_dupf("%s/sys/bus/pci/devices", root);
    a.folder = folder;
    if (dir_list(folder, on_pci, &a, NULL) == 0 && !a.bare) g->known = true;
    mem_free(folder);
}
