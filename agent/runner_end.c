/* Words for the end of an attempt: see runner_end.h. */
#include "agent/runner_end.h"

#include "agent/output.h"
#include "base/duration.h"
#include "base/str.h"

#include <string.h>

#define NOTE_SIZE (PROCESS_LIST_TEXT_SIZE + 128)
#define SIGNAL_KILL 9

/* Adds a sentence or line; what does not fit is left out whole. */
static void add(char *out, const char *before, const char *text, const char *after)
{
    size_t len = strlen(out);
    if (str_format(out + len, LIMIT_MESSAGE - len, "%s%s%s", len > 0 ? before : "", text, after) !=
        0)
        out[len] = '\0';
}

static bool strays_note(const struct process_end *p, char out[NOTE_SIZE])
{
    char names[PROCESS_LIST_TEXT_SIZE];
    const char *missing = p->held ? "; some of the output may be missing" : "";
    if (p->strays) {
        bool one = p->strays->count == 1;
        (void)str_format(out, NOTE_SIZE, "%s that the job left running %s ended: %s%s",
                         one ? "a process" : "processes", one ? "was" : "were",
                         process_list_format(p->strays, false, names), missing);
    } else if (p->held) {
        (void)str_format(out, NOTE_SIZE,
                         "another process held the output open after the end of the job%s",
                         missing);
    }
    return p->strays || p->held;
}

static void alive_note(const struct process_list *alive, char out[NOTE_SIZE])
{
    char names[PROCESS_LIST_TEXT_SIZE];
    (void)str_format(out, NOTE_SIZE, "%s of the job could not be ended and %s alive: %s",
                     alive->count == 1 ? "a process" : "processes",
                     alive->count == 1 ? "is" : "are", process_list_format(alive, true, names));
}

void runner_end_add_alive(const struct process_list *alive, char message[LIMIT_MESSAGE])
{
    char note[NOTE_SIZE];
    alive_note(alive, note);
    add(message, "; ", note, "");
}

/* The main process is the one that the memory killer ended, as far as one can tell. */
static bool main_was_killed(const struct runner_end *end)
{
    const struct process_end *p = end->process;
    return !end->why && p->signal == SIGNAL_KILL && (p->oom_kills > 0 || p->oom_hint);
}

static const char *oom_note(const struct runner_end *end, char out[NOTE_SIZE])
{
    const struct process_end *p = end->process;
    const char *perhaps = p->oom_kills > 0 ? "" : "perhaps ";
    if (main_was_killed(end))
        (void)str_format(out, NOTE_SIZE, "the job was %skilled for want of memory", perhaps);
    else if (p->oom_kills > 1)
        (void)str_format(out, NOTE_SIZE, "%d processes of the job were killed for want of memory",
                         p->oom_kills);
    else if (p->oom_kills > 0 || p->oom_hint)
        (void)str_format(out, NOTE_SIZE, "a process of the job was %skilled for want of memory",
                         perhaps);
    else
        return NULL;
    return out;
}

const char *runner_end_notes(const struct runner_end *end, char out[LIMIT_MESSAGE])
{
    char note[NOTE_SIZE];
    out[0] = '\0';
    if (oom_note(end, note)) add(out, "", note, "\n");
    if (strays_note(end->process, note)) add(out, "", note, "\n");
    if (end->process->alive) {
        alive_note(end->process->alive, note);
        add(out, "", note, "\n");
    }
    return out;
}

static void fill_cause(const struct runner_end *end, char *out)
{
    char text[DURATION_TEXT_SIZE];
    const size_t size = LIMIT_MESSAGE;
    const struct process_end *p = end->process;
    out[0] = '\0';
    if (str_eq(end->why, "timeout")) {
        duration_format(end->timeout_ms, text);
        (void)str_format(out, size, "the job ran longer than its timeout of %s", text);
    } else if (str_eq(end->why, "lost")) {
        duration_format(end->lease_ms, text);
        (void)str_format(out, size,
                         p->expired ? "the agent was held up for longer than the lease of %s, and "
                                      "its guard ended the job"
                                    : "the coordinator was out of reach for longer than the "
                                      "lease of %s",
                         text);
    } else if (str_eq(end->why, "drain")) {
        (void)str_format(out, size, "the agent was stopped and the drain time ran out");
    } else if (!end->why && p->signal != 0) {
        const char *cause = !main_was_killed(end) ? ""
                            : p->oom_kills > 0    ? " (killed for want of memory)"
                                                  : " (perhaps for want of memory)";
        (void)str_format(out, size, "ended by signal %d%s", p->signal, cause);
    } else if (!end->why && p->exit_code >= 0xC0000000u) {
        (void)str_format(out, size, "exit code 0x%08X", (unsigned)p->exit_code);
    }
}

/* Outputs that are missing fail a later task at most: the job's own message names them. */
static void add_dropped_outputs(const struct outputs_reader *r, char *out)
{
    char text[LIMIT_MESSAGE], more[48] = "";
    if (r->dropped == 0) return;
    if (r->dropped > 1) (void)str_format(more, sizeof more, " (and %d more lines)", r->dropped - 1);
    if (str_format(text, sizeof text, "outputs were dropped: %s", r->why) == 0)
        add(out, "; ", text, more);
}

const char *runner_end_message(const struct runner_end *end, char out[LIMIT_MESSAGE])
{
    char note[NOTE_SIZE];
    fill_cause(end, out);
    if (end->process->alive) runner_end_add_alive(end->process->alive, out);
    if (!main_was_killed(end) && oom_note(end, note)) add(out, "; ", note, "");
    if (strays_note(end->process, note)) add(out, "; ", note, "");
    if (end->output) add_dropped_outputs(&end->output->lines, out);
    return out;
}
