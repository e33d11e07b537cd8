/* When the file is written, and by whom. */
#include "agent/meter_file.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/os.h"
#include "platform/paths.h"

#include <uv.h>

/* The journal's files (journal.h, journal_spool.h). */
static const char *const journal_files[] = {"journal.db", "journal.db-wal", "journal.db.output1",
                                            "journal.db.output2"};

struct meter_file {
    struct meter_file_options o;
    char *path, *fresh; /* written first, then renamed */
    char *journal[sizeof journal_files / sizeof *journal_files];
    uv_timer_t timer;
    uv_work_t work;
    struct meter_reading reading; /* of the work's thread while it is `writing` */
    char *agent;
    int64_t written_ms; /* mono, when a writing was begun last; 0: never */
    bool writing, changed, stopped;
    bool removes; /* the work, instead of writing */
    bool removed, timer_closed;
    bool failed; /* the last writing, which was logged */
    int rc;      /* of the work */
    struct err err;
};

/* ---- on a thread of the pool ---- */

static int64_t file_bytes(const char *path)
{
    uv_fs_t look;
    int64_t bytes = uv_fs_stat(NULL, &look, path, NULL) == 0 ? (int64_t)look.statbuf.st_size : 0;
    uv_fs_req_cleanup(&look);
    return bytes;
}

static void write_file(uv_work_t *work)
{
    struct meter_file *m = work->data;
    struct buf text;
    if (m->removes) {
        (void)file_remove(m->fresh, NULL); /* of a life that was killed */
        m->rc = file_remove(m->path, &m->err);
        return;
    }
    m->reading.journal_bytes = 0;
    for (size_t i = 0; i < sizeof m->journal / sizeof *m->journal; i++)
        m->reading.journal_bytes += file_bytes(m->journal[i]);
    m->reading.has_usage = os_usage(&m->reading.usage) == 0;
    buf_init(&text, METER_BYTES);
    m->rc = meter_write(&m->reading, &text);
    if (m->rc)
        err_set(&m->err, m->rc, "the metrics have more than %d bytes", METER_BYTES);
    else
        m->rc = file_write_plain(m->fresh, text.data, text.len, FILE_PUBLIC, &m->err);
    if (!m->rc) m->rc = file_move(m->fresh, m->path, &m->err);
    buf_fini(&text);
}

/* ---- loop thread ---- */

static void free_when_all_is_closed(struct meter_file *m)
{
    if (!m->removed || !m->timer_closed) return;
    for (size_t i = 0; i < sizeof m->journal / sizeof *m->journal; i++)
        mem_free(m->journal[i]);
    mem_free(m->path);
    mem_free(m->fresh);
    mem_free(m->agent);
    mem_free(m);
}

static void on_timer(uv_timer_t *t);

static void wait(struct meter_file *m)
{
    int64_t ms = METER_EVERY_MS;
    if (m->changed) ms = m->written_ms + METER_CHANGE_MS - os_mono_ms();
    uv_update_time(m->o.loop); /* a late loop would let the timer go too early */
    uv_timer_start(&m->timer, on_timer, ms > 0 ? (uint64_t)ms : 0, 0);
}

static void begin(struct meter_file *m);

static void on_written(uv_work_t *work, int status)
{
    struct meter_file *m = work->data;
    bool failed = status == 0 && m->rc != 0;
    m->writing = false;
    if (failed && m->removes)
        log_warn("metrics: %s cannot be removed: %s", m->path, err_text(&m->err));
    else if (failed && !m->failed)
        log_warn("metrics: they cannot be written, and are tried again: %s", err_text(&m->err));
    if (!failed && m->failed && !m->removes) log_info("metrics: they can be written again");
    m->failed = failed;
    m->removed = m->removes;
    if (!m->stopped)
        wait(m);
    else if (!m->removed)
        begin(m); /* it was being written when the end came: now it goes */
    free_when_all_is_closed(m);
}

static void begin(struct meter_file *m)
{
    m->removes = m->stopped;
    m->work.data = m;
    m->writing = uv_queue_work(m->o.loop, &m->work, write_file, on_written) == 0;
}

static void on_timer(uv_timer_t *t)
{
    struct meter_file *m = t->data;
    if (m->writing) return;
    m->changed = false;
    m->written_ms = os_mono_ms();
    m->reading = (struct meter_reading){0};
    m->o.read(&m->reading, m->o.user);
    mem_free(m->agent);
    m->reading.agent = m->agent = mem_strdup(m->reading.agent);
    begin(m);
}

struct meter_file *meter_file_start(const struct meter_file_options *o)
{
    struct meter_file *m = mem_alloc(sizeof *m);
    m->o = *o;
    m->path = mem_strdup(o->path);
    m->fresh = str_dupf("%s.new", o->path);
    for (size_t i = 0; i < sizeof m->journal / sizeof *m->journal; i++)
        m->journal[i] = paths_join(o->state_folder, journal_files[i]);
    uv_timer_init(o->loop, &m->timer);
    m->timer.data = m;
    uv_timer_start(&m->timer, on_timer, 0, 0);
    return m;
}

void meter_file_note(struct meter_file *m)
{
    if (m->changed || m->stopped) return;
    m->changed = true;
    if (!m->writing) wait(m);
}

static void on_timer_closed(uv_handle_t *h)
{
    struct meter_file *m = h->data;
    m->timer_closed = true;
    if (!m->writing && !m->removed) begin(m);
    free_when_all_is_closed(m);
}

void meter_file_stop(struct meter_file *m)
{
    if (!m) return;
    m->stopped = true;
    uv_close((uv_handle_t *)&m->timer, on_timer_closed);
}
