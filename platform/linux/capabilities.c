/* The capabilities of a Linux machine, read from its files. */
#include "platform/capabilities.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/gpu.h"
#include "platform/os.h"
#include "platform/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define FILE_MAX_BYTES (1024u * 1024)
#define DISK_STEP_BYTES ((int64_t)64 * 1024 * 1024)
#define PROGRAM_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin"

/* The content of the file; NULL when it cannot be read; mem_free. */
static char *content(const char *path)
{
    struct buf b;
    buf_init(&b, FILE_MAX_BYTES);
    int rc = file_read(path, FILE_MAX_BYTES, &b, NULL);
    char *text = rc == 0 ? buf_detach(&b) : NULL;
    buf_fini(&b);
    return text;
}

/* The value behind `key` and `sep` at the beginning of a line, without quotes and blanks around it;
 * mem_free. */
static char *line_value(const char *text, const char *key, char sep)
{
    size_t key_len = strlen(key);
    for (const char *line = text; line && *line;) {
        size_t len = strcspn(line, "\n");
        if (len > key_len && strncmp(line, key, key_len) == 0) {
            size_t at = key_len + strspn(line + key_len, " \t");
            if (at < len && line[at] == sep) {
                char *value = mem_strndup(line + at + 1, len - at - 1);
                char *trimmed = str_trim(value);
                size_t n = strlen(trimmed);
                if (n >= 2 && (*trimmed == '"' || *trimmed == '\'') && trimmed[n - 1] == *trimmed) {
                    trimmed[n - 1] = '\0';
                    trimmed++;
                }
                char *out = str_empty(trimmed) ? NULL : mem_strdup(trimmed);
                mem_free(value);
                return out;
            }
        }
        line += len + (line[len] == '\n');
    }
    return NULL;
}

static void write_known(struct jw *w, const char *key, const char *value)
{
    if (!str_empty(value)) jw_str(w, key, value);
}

/* os-release(5); without that file the system is unknown, because the kernel's release does not
 * tell it. */
static void write_os(struct jw *w)
{
    jw_str(w, "os", "linux");
    char *text = content("/etc/os-release");
    if (!text) text = content("/usr/lib/os-release");
    if (text) {
        char *name = line_value(text, "NAME", '='), *version = line_value(text, "VERSION_ID", '=');
        char *debian = NULL;
        /* Debian's own file tells the point release */
        if (version && str_eq(name, "Debian GNU/Linux")) debian = content("/etc/debian_version");
        if (debian) debian[strcspn(debian, "\n")] = '\0';
        bool dotted = debian && debian[0] >= '0' && debian[0] <= '9' && strchr(debian, '.');
        write_known(w, "osName", name);
        write_known(w, "osVersion", dotted ? debian : version);
        mem_free(name);
        mem_free(version);
        mem_free(debian);
        mem_free(text);
    }
    struct utsname u;
    if (uname(&u) != 0) return;
    write_known(w, "kernel", u.release);
    write_known(w, "arch", str_eq(u.machine, "arm64") ? "aarch64" : u.machine);
}

static void write_cpu(struct jw *w)
{
    jw_int(w, "cpus", os_cpu_count());
    char *text = content("/proc/cpuinfo");
    if (!text) return;
    char *model = line_value(text, "model name", ':');
    /* many ARM machines name only the board */
    if (!model) model = line_value(text, "Model", ':');
    write_known(w, "cpuModel", model);
    mem_free(model);
    mem_free(text);
}

/* The machine's memory, or the limit of its cgroup when that is lower. */
static void write_memory(struct jw *w)
{
    int64_t bytes = 0, limit;
    char *text = content("/proc/meminfo");
    char *total = text ? line_value(text, "MemTotal", ':') : NULL;
    if (total) {
        total[strcspn(total, " ")] = '\0';
        if (str_int64(total, &bytes) == 0) bytes *= 1024;
    }
    mem_free(total);
    mem_free(text);
    char *max = content("/sys/fs/cgroup/memory.max");
    if (max && str_int64(str_trim(max), &limit) == 0 && limit > 0 &&
        (bytes == 0 || limit < bytes)) {
        bytes = limit;
    }
    mem_free(max);
    if (bytes > 0) jw_int(w, "memory", bytes);
}

static void write_disk(struct jw *w, const char *work_folder)
{
    struct disk_room room;
    if (!work_folder || disk_free(work_folder, &room, NULL) != 0) return;
    jw_int(w, "disk", room.bytes / DISK_STEP_BYTES * DISK_STEP_BYTES);
}

static bool has_program(const char *name, const char *path)
{
    char *program = process_find_program(name, path);
    bool found = program != NULL;
    mem_free(program);
    return found;
}

static void write_shells(struct jw *w, const char *path)
{
    static const char *const shells[] = {"sh", "bash", "pwsh", "powershell", "cmd", "python3"};
    jw_array(w, "shell");
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (has_program(shells[i], path)) jw_str(w, NULL, shells[i]);
    }
    jw_end(w);
}

static void write_features(struct jw *w, const char *path)
{
    static const char *const programs[] = {"docker", "podman", "wine", "git",     "make",
                                           "gcc",    "java",   "node", "kubectl", "rsync"};
    jw_array(w, "feature");
    /* sd_booted(3) */
    if (file_exists("/run/systemd/system")) jw_str(w, NULL, "systemd");
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        if (has_program(programs[i], path)) jw_str(w, NULL, programs[i]);
    }
    jw_end(w);
}

/* What the link /etc/localtime points to, else what Debian writes down. */
char *capabilities_timezone(void)
{
    const char *env = getenv("TZ");
    if (env && env[0] == ':') env++;
    if (!str_empty(env) && env[0] != '/') return mem_strdup(env);
    char target[512];
    ssize_t n = readlink("/etc/localtime", target, sizeof target - 1);
    target[n > 0 ? n : 0] = '\0';
    const char *zone = strstr(target, "zoneinfo/");
    if (zone) return mem_strdup(zone + strlen("zoneinfo/"));
    char *text = content("/etc/timezone");
    if (!text) return NULL;
    text[strcspn(text, "\n")] = '\0';
    char *name = mem_strdup(str_trim(text));
    mem_free(text);
    return name;
}

static void write_timezone(struct jw *w)
{
    char *name = capabilities_timezone();
    write_known(w, "timezone", name);
    mem_free(name);
}

static void write_gpus(struct jw *w)
{
    struct gpus g = {.count = 0};
    gpus_gather("", &g);
    gpus_write(&g, w);
    gpus_fini(&g);
}

void capabilities_write(struct jw *w, const char *work_folder, const char *path)
{
    if (!path) path = PROGRAM_PATH;
    char host[256];
    write_os(w);
    if (os_hostname(host, sizeof host) == 0) jw_str(w, "hostname", host);
    write_cpu(w);
    write_memory(w);
    write_disk(w, work_folder);
    write_shells(w, path);
    write_features(w, path);
    write_gpus(w);
    write_timezone(w);
}
