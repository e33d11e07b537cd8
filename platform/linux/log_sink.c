/* Log lines to stderr, and to a file that is rotated. */
#include "platform/log_sink.h"

#include "base/buf.h"
#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/os.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES (10 * 1024 * 1024)
#define FILES_KEPT 5
#define SINK_LINE_MAX_BYTES (128u * 1024)

/* The exception to the rule against file-scope state: there is one stderr. */
static struct {
    pthread_mutex_t lock;
    bool journal;
    char *path; /* NULL: no file */
    int fd;
    off_t size;
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

/* systemd sets JOURNAL_STREAM to device:inode of the stream it gave us; a redirected stderr has another
 * (systemd.exec(5)). */
static bool journal_listens(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    if (!stream || fstat(2, &st) != 0) return false;
    char *end;
    uintmax_t device = strtoumax(stream, &end, 10);
    if (*end != ':') return false;
    return st.st_dev == device && st.st_ino == strtoumax(end + 1, NULL, 10);
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_ERROR:
        return "error";
    case LOG_WARN:
        return "warn";
    case LOG_INFO:
        return "info";
    default:
        return "debug";
    }
}

/* syslog(3) priorities */
static int level_priority(enum log_level level)
{
    switch (level) {
    case LOG_ERROR:
        return 3;
    case LOG_WARN:
        return 4;
    case LOG_INFO:
        return 6;
    default:
        return 7;
    }
}

static int file_open(struct err *e)
{
    sink.fd = open(sink.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
    if (sink.fd < 0) {
        return err_set(e, ERR_IO, "cannot open the log file %s: %s", sink.path, strerror(errno));
    }
    struct stat st;
    sink.size = fstat(sink.fd, &st) == 0 ? st.st_size : 0;
    return 0;
}

/* agent.log -> agent.log.1 -> ... -> agent.log.5 */
static void file_rotate(void)
{
    close(sink.fd);
    sink.fd = -1;
    for (int i = FILES_KEPT; i > 0; i--) {
        char *from = i > 1 ? str_dupf("%s.%d", sink.path, i - 1) : mem_strdup(sink.path);
        char *to = str_dupf("%s.%d", sink.path, i);
        rename(from, to);
        mem_free(from);
        mem_free(to);
    }
    file_open(NULL);
}

static void stamped(struct buf *out, enum log_level level, const char *line)
{
    struct moment now;
    char time[TIME_TEXT_SIZE];
    os_now(&now);
    time_format(now.wall_ms, time);
    buf_addf(out, "%s %-5s %s\n", time, level_name(level), line);
}

static void file_add(const struct buf *text)
{
    if (sink.fd < 0 && file_open(NULL) != 0) return;
    if (sink.size > 0 && sink.size + (off_t)text->len > FILE_MAX_BYTES) file_rotate();
    if (sink.fd < 0 || fd_write_all(sink.fd, text->data, text->len, NULL) != 0) return;
    sink.size += (off_t)text->len;
}

static void sink_line(enum log_level level, const char *line, void *user)
{
    (void)user;
    struct buf text, plain;
    buf_init(&text, SINK_LINE_MAX_BYTES);
    buf_init(&plain, SINK_LINE_MAX_BYTES);
    stamped(&text, level, line);
    if (sink.journal) buf_addf(&plain, "<%d>%s\n", level_priority(level), line);
    pthread_mutex_lock(&sink.lock);
    const struct buf *shown = sink.journal ? &plain : &text;
    fd_write_all(2, shown->data, shown->len, NULL);
    if (sink.path) file_add(&text);
    pthread_mutex_unlock(&sink.lock);
    buf_fini(&text);
    buf_fini(&plain);
}

int log_sink_open(const char *file, struct err *e)
{
    log_sink_close();
    if (file) {
        sink.path = mem_strdup(file);
        int rc = file_open(e);
        if (rc != 0) {
            mem_free(sink.path);
            sink.path = NULL;
            return rc;
        }
    }
    sink.journal = journal_listens();
    log_set_sink(sink_line, NULL);
    return 0;
}

void log_sink_close(void)
{
    log_set_sink(NULL, NULL);
    if (sink.fd >= 0) close(sink.fd);
    mem_free(sink.path);
    sink.fd = -1;
    sink.path = NULL;
}
