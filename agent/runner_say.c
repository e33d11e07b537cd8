/* See runner_say.h. */
#include "agent/runner_say.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/limits.h"
#include "wire/msg.h"

#include <string.h>

void runner_voice_init(struct runner_voice *v, struct journal *journal)
{
    v->journal = journal;
    buf_init(&v->frame, LIMIT_FRAME_KNOWN + FRAME_HEAD);
}

void runner_voice_fini(struct runner_voice *v)
{
    buf_fini(&v->frame);
}

/* The message does not change its texts. */
static char *text_of(const char *s)
{
    return (char *)(uintptr_t)s;
}

static int add_frame(struct runner_voice *v, struct runner_who who, int64_t seq, bool ends,
                     struct err *e)
{
    struct journal_event event = {.seq = seq,
                                  .job = who.job,
                                  .attempt = who.attempt,
                                  .ends = ends,
                                  .frame = v->frame.data,
                                  .len = v->frame.len};
    return journal_add_event(v->journal, &event, e);
}

static int add(struct runner_voice *v, struct runner_who who, const struct msg *m, int64_t seq,
               struct err *e)
{
    buf_clear(&v->frame);
    int rc = msg_frame_add(&v->frame, m);
    if (rc != 0) return err_set(e, rc, "encoding %s failed", msg_name(m->type));
    bool ends = m->type != MSG_STARTED && m->type != MSG_CLEARED;
    return add_frame(v, who, seq, ends, e);
}

static int add_finished(struct runner_voice *v, struct runner_who who, struct msg_finished *f,
                        struct err *e)
{
    f->seq = journal_next_seq(v->journal);
    f->job = who.job;
    f->attempt = who.attempt;
    v->ended[str_eq(f->state, "SUCCESS")  ? METER_SUCCESS
             : str_eq(f->state, "KILLED") ? METER_KILLED
                                          : METER_FAILED]++;
    return add(v, who, &(struct msg){.type = MSG_FINISHED, .u.finished = *f}, f->seq, e);
}

int runner_say_started(struct runner_voice *v, struct runner_who who, int64_t pid, struct err *e)
{
    struct msg m = {.type = MSG_STARTED};
    m.u.started.seq = journal_next_seq(v->journal);
    m.u.started.job = who.job;
    m.u.started.attempt = who.attempt;
    m.u.started.pid = pid;
    return add(v, who, &m, m.u.started.seq, e);
}

int runner_say_output(struct runner_voice *v, struct runner_who who, struct frame_output chunk,
                      struct err *e)
{
    chunk.seq = journal_next_seq(v->journal);
    chunk.job = who.job;
    chunk.attempt = (int32_t)who.attempt;
    buf_clear(&v->frame);
    int rc = frame_output_add(&v->frame, &chunk);
    if (rc != 0) return err_set(e, rc, "encoding output failed");
    return add_frame(v, who, chunk.seq, false, e);
}

int runner_say_declined(struct runner_voice *v, struct runner_who who, const char *reason,
                        const char *message, struct err *e)
{
    struct msg m = {.type = MSG_DECLINED};
    m.u.declined.seq = journal_next_seq(v->journal);
    m.u.declined.job = who.job;
    m.u.declined.attempt = who.attempt;
    m.u.declined.reason = text_of(reason);
    m.u.declined.message = text_of(message);
    return add(v, who, &m, m.u.declined.seq, e);
}

int runner_say_cancelled(struct runner_voice *v, struct runner_who who, struct err *e)
{
    struct msg_finished f = {.state = text_of("KILLED"), .reason = text_of("cancelled")};
    return add_finished(v, who, &f, e);
}

int runner_say_not_started(struct runner_voice *v, struct runner_who who, int rc,
                           const struct err *why, struct err *e)
{
    char text[LIMIT_MESSAGE];
    (void)str_copy(text, sizeof text, err_text(why));
    struct msg_finished f = {.state = text_of("FAILED"),
                             .reason = text_of("not-started"),
                             .message = text,
                             /* as a shell has it: 127 not found, 126 found but not to be started */
                             .exited = true,
                             .exit_code = rc == ERR_NOT_FOUND ? 127 : 126};
    return add_finished(v, who, &f, e);
}

int runner_say_interrupted(struct runner_voice *v, struct runner_who who,
                           const struct process_list *alive, struct err *e)
{
    char message[LIMIT_MESSAGE] = "the agent ended while the job was running";
    char names[PROCESS_LIST_TEXT_SIZE];
    struct msg_finished f = {.state = text_of("FAILED"),
                             .reason = text_of("interrupted"),
                             .message = message};
    if (alive) {
        runner_end_add_alive(alive, message);
        f.alive = text_of(process_list_format(alive, true, names));
    }
    return add_finished(v, who, &f, e);
}

int runner_say_cleared(struct runner_voice *v, struct runner_who who, struct err *e)
{
    struct msg m = {.type = MSG_CLEARED};
    m.u.cleared.seq = journal_next_seq(v->journal);
    m.u.cleared.job = who.job;
    m.u.cleared.attempt = who.attempt;
    return add(v, who, &m, m.u.cleared.seq, e);
}

static void fill_state(const struct runner_end *end, struct msg_finished *f)
{
    if (str_eq(end->why, "cancelled")) {
        f->state = text_of("KILLED");
        f->reason = text_of("cancelled");
    } else if (end->why) {
        f->state = text_of("FAILED");
        f->reason = text_of(end->why);
    } else if (end->process->exit_code == 0) {
        f->state = text_of("SUCCESS");
    } else {
        f->state = text_of("FAILED");
        f->reason = text_of("exit-code");
    }
}

int runner_say_finished(struct runner_voice *v, struct runner_who who, const struct runner_end *end,
                        const char **state, struct err *e)
{
    char message[LIMIT_MESSAGE], alive[PROCESS_LIST_TEXT_SIZE];
    const struct process_end *p = end->process;
    const struct output *o = end->output;
    struct msg_finished f = {.exited = !p->unended,
                             .exit_code = p->unended ? 0 : p->exit_code,
                             .signal = p->unended ? 0 : p->signal,
                             .stdout_bytes = o->side[0].written,
                             .stderr_bytes = o->side[1].written,
                             .truncated = o->truncated,
                             .run_ms = p->run_ms};
    fill_state(end, &f);
    *state = f.state;
    if (runner_end_message(end, message)[0]) f.message = message;
    if (p->alive) f.alive = text_of(process_list_format(p->alive, true, alive));
    if (o->lines.outputs.tree) f.outputs = json_text(o->lines.outputs.tree);
    int rc = add_finished(v, who, &f, e);
    mem_free(f.outputs);
    return rc;
}
