/* Log lines to the journal or stderr, and to a file that is rotated. */
#include "platform/log_sink.h"

#include "base/buf.h"
#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/os.h"
#include "platform/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FILE_MAX_BYTES (10 * 1024 * 1024)
#define FILES_KEPT 5
#define SINK_LINE_MAX_BYTES (128u * 1024)
#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* The exception to the rule against file-scope state: there is one stderr. */
static struct {
    pthread_mutex_t lock;
    bool journal;
    int journal_fd; /* the journal's socket for lines with fields; -1: no socket */
    char *agent;    /* NULL: not told */
    char *path;     /* NULL: no file */
    int fd;
    off_t size;
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER, .journal_fd = -1, .fd = -1};

/* systemd sets JOURNAL_STREAM to device:inode of the stream it gave us; a redirected stderr has
 * another (systemd.exec(5)). */
static bool journal_listens(bool *is_socket)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    *is_socket = false;
    if (!stream || fstat(2, &st) != 0) return false;
    *is_socket = S_ISSOCK(st.st_mode);
    char *end;
    uintmax_t device = strtoumax(stream, &end, 10);
    if (*end != ':') return false;
    return st.st_dev == device && st.st_ino == strtoumax(end + 1, NULL, 10);
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

/* ---- the journal: "FIELD=value" lines in one datagram, as sd_journal_send(3) would ---- */

/* The word behind `what` and a blank, at the line's begin: "job 06f3k9x2m1c7a: ..." */
static bool begins_with(const char *line, const char *what, const char **word, size_t *len)
{
    size_t n = strlen(what);
    if (strncmp(line, what, n) != 0 || line[n] != ' ') return false;
    *word = line + n + 1;
    *len = strcspn(*word, ": ");
    return *len > 0;
}

/* A log line begins with the name of its object, which people search for. */
static void add_fields(struct buf *out, const char *line)
{
    const char *word;
    size_t len;
    if (begins_with(line, "job", &word, &len)) {
        const char *attempt = strstr(word + len, " attempt ");
        /* some lines have the number of the attempt as well: ID-1 */
        size_t id = strcspn(word, ":- ");
        buf_addf(out, "CADRE_JOB=%.*s\n", (int)id, word);
        if (id < len)
            buf_addf(out, "CADRE_ATTEMPT=%.*s\n", (int)(len - id - 1), word + id + 1);
        else if (attempt)
            buf_addf(out, "CADRE_ATTEMPT=%.*s\n", (int)strspn(attempt + 9, "0123456789"),
                     attempt + 9);
    }
    if (sink.agent)
        buf_addf(out, "CADRE_AGENT=%s\n", sink.agent);
    else if (begins_with(line, "agent", &word, &len))
        buf_addf(out, "CADRE_AGENT=%.*s\n", (int)len, word);
}

static bool journal_send(enum log_level level, const char *line)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET};
    struct buf text;
    buf_init(&text, SINK_LINE_MAX_BYTES);
    buf_addf(&text, "PRIORITY=%d\nSYSLOG_IDENTIFIER=%s\n", level_priority(level),
             program_invocation_short_name);
    add_fields(&text, line);
    bool sent = buf_addf(&text, "MESSAGE=%s\n", line) == 0;
    while (sent && sendto(sink.journal_fd, text.data, text.len, MSG_NOSIGNAL,
                          (struct sockaddr *)&to, sizeof to) < 0) {
        if (errno == EINTR) continue;
        sent = false;
    }
    buf_fini(&text);
    return sent;
}

/* ---- the file ---- */

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
    char time[TIME_TEXT_SIZE];
    time_format(os_wall_ms(), time);
    buf_addf(out, "%s %-5s %s\n", time, log_level_name(level), line);
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
    /* the line is too long for a datagram, or the journal is restarting: use the stream */
    if (sink.journal_fd < 0 || !journal_send(level, line))
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
    bool is_socket;
    sink.journal = journal_listens(&is_socket);
    /* Does not wait for a slow journal: the guard must not hang. */
    if (sink.journal && is_socket)
        sink.journal_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    log_set_sink(sink_line, NULL);
    return 0;
}

const char *log_sink_error_prefix(void)
{
    bool is_socket;
    return journal_listens(&is_socket) ? "<3>" : "";
}

void log_sink_set_agent(const char *name)
{
    pthread_mutex_lock(&sink.lock);
    mem_free(sink.agent);
    sink.agent = mem_strdup(name);
    pthread_mutex_unlock(&sink.lock);
}

void log_sink_close(void)
{
    log_set_sink(NULL, NULL);
    if (sink.fd >= 0) close(sink.fd);
    if (sink.journal_fd >= 0) close(sink.journal_fd);
    sink.journal_fd = -1;
    mem_free(sink.agent);
    sink.agent = NULL;
    mem_free(sink.path);
    sink.fd = -1;
    sink.path = NULL;
}
