/* The rules, by the names that are told:
 *
 *   syntax     a line is none of those in the header
 *   unknown    something happens to a job that nobody asked for
 *   refused    a job that was refused is there
 *   one-id     a key has one id, an id has one key
 *   gone       what was acknowledged is there, unless the database lost commits
 *   order      states come in a legal order, attempts are counted upwards
 *   final      after its end was told, a job neither changes nor runs
 *   twice      an attempt starts once, and never after a later one
 *   overlap    one attempt runs at a time
 *   retry      there are as many attempts as were allowed
 *   code       the end that was told is the one that was written
 *   output     what is read is a prefix of what was written, and all of it after an end of its own
 *   cancel     after an acknowledged cancel at most what was on its way starts
 *   turn       in a group of one slot jobs of one priority start in the order of their submits
 *   open       what was acknowledged ends
 */
#include "tests/support/history_check.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX 4096
#define ATTEMPTS_MAX 64

enum position { RETRYING, CREATED, SUBMITTED, RUNNING, KILLING, FINAL, NO_POSITION };

struct attempt {
    bool started, ended;
    bool again; /* ended before commits were lost: it may start a second time */
    int64_t code;
    char **out; /* the lines that it wrote */
    size_t out_count, out_cap;
};

struct job {
    char *key, *id, *group;
    int64_t retry, priority;
    size_t asked_at, acknowledged_at, first_start_at; /* lines; 0: not yet */
    bool refused, cancelled, missing, excused;
    int starts_after_cancel;
    int64_t starts, newest; /* attempts that started; the highest of them */
    enum position seen;
    char seen_state[16];
    int64_t seen_attempt;
    struct attempt attempts[ATTEMPTS_MAX]; /* by number */
};

struct history {
    struct job **jobs;
    size_t job_count, job_cap;
    char **serial;
    size_t serial_count, serial_cap;
    char **faults;
    size_t fault_count, fault_cap;
    size_t line, starts, ends;
};

struct words {
    char *at[WORDS_MAX];
    size_t count;
};

/* ---- what is kept ---- */

static void append(char ***list, size_t *count, size_t *cap, char *text)
{
    if (*count == *cap) {
        *cap = *cap ? 2 * *cap : 16;
        *list = mem_resize(*list, *cap, sizeof **list);
    }
    (*list)[(*count)++] = text;
}

static void fault(struct history *h, const char *rule, const struct job *j, const char *what)
{
    append(&h->faults, &h->fault_count, &h->fault_cap,
           str_dupf("%zu: %s: %s%s%s", h->line, rule, j ? j->key : "", j ? " " : "", what));
}

struct history *history_new(void)
{
    return mem_alloc(sizeof(struct history));
}

static void free_texts(char **list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mem_free(list[i]);
    mem_free(list);
}

static void job_free(struct job *j)
{
    for (size_t i = 0; i < ATTEMPTS_MAX; i++)
        free_texts(j->attempts[i].out, j->attempts[i].out_count);
    mem_free(j->key);
    mem_free(j->id);
    mem_free(j->group);
    mem_free(j);
}

void history_free(struct history *h)
{
    if (!h) return;
    for (size_t i = 0; i < h->job_count; i++)
        job_free(h->jobs[i]);
    mem_free(h->jobs);
    free_texts(h->serial, h->serial_count);
    free_texts(h->faults, h->fault_count);
    mem_free(h);
}

static struct job *job_find(const struct history *h, const char *key)
{
    for (size_t i = h->job_count; i > 0; i--)
        if (strcmp(h->jobs[i - 1]->key, key) == 0) return h->jobs[i - 1];
    return NULL;
}

static struct job *job_new(struct history *h, const char *key)
{
    struct job *j = mem_alloc(sizeof *j);
    j->key = mem_strdup(key);
    j->group = mem_strdup("default");
    j->seen = NO_POSITION;
    if (h->job_count == h->job_cap) {
        h->job_cap = h->job_cap ? 2 * h->job_cap : 64;
        h->jobs = mem_resize(h->jobs, h->job_cap, sizeof *h->jobs);
    }
    return h->jobs[h->job_count++] = j;
}

/* The job of this key, told as unknown when nobody asked for it. */
static struct job *job_get(struct history *h, const char *key)
{
    struct job *j = job_find(h, key);
    if (j) return j;
    j = job_new(h, key);
    fault(h, "unknown", j, "was never asked for");
    return j;
}

/* ---- words ---- */

static void split(char *line, struct words *w)
{
    w->count = 0;
    for (char *p = line; *p && w->count < WORDS_MAX;) {
        while (*p == ' ')
            p++;
        if (*p == '\0' || *p == '#') return;
        w->at[w->count++] = p;
        while (*p && *p != ' ')
            p++;
        if (*p) *p++ = '\0';
    }
}

/* The value of NAME= among the words from `first` on; NULL: it is not there. */
static const char *option(const struct words *w, size_t first, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = first; i < w->count; i++)
        if (strncmp(w->at[i], name, len) == 0 && w->at[i][len] == '=') return w->at[i] + len + 1;
    return NULL;
}

static int64_t number_or(const char *text, int64_t otherwise)
{
    int64_t n;
    return text && str_int64(text, &n) == 0 ? n : otherwise;
}

/* The attempt that a word says; NULL, told as syntax: it is none. */
static struct attempt *attempt_get(struct history *h, struct job *j, const char *word, int64_t *n)
{
    *n = number_or(word, 0);
    if (*n > 0 && *n < ATTEMPTS_MAX) return &j->attempts[*n];
    fault(h, "syntax", j, "has an attempt that is no number from 1 on");
    return NULL;
}

/* ---- clients ---- */

static void on_asked(struct history *h, const struct words *w)
{
    struct job *j = job_find(h, w->at[1]);
    if (j) { /* asked again: the same job */
        j->refused = false;
        return;
    }
    j = job_new(h, w->at[1]);
    j->asked_at = h->line;
    j->retry = number_or(option(w, 2, "retry"), 0);
    j->priority = number_or(option(w, 2, "priority"), 0);
    const char *group = option(w, 2, "group");
    if (!group) return;
    mem_free(j->group);
    j->group = mem_strdup(group);
}

static void has_id(struct history *h, struct job *j, const char *id)
{
    if (j->id && strcmp(j->id, id) != 0) fault(h, "one-id", j, "has two ids");
    if (j->id) return;
    for (size_t i = 0; i < h->job_count; i++)
        if (h->jobs[i]->id && strcmp(h->jobs[i]->id, id) == 0)
            fault(h, "one-id", j, "has the id of another job");
    j->id = mem_strdup(id);
}

static void is_there(struct history *h, struct job *j, const char *id)
{
    has_id(h, j, id);
    if (j->refused) fault(h, "refused", j, "was refused, and is there");
}

static void on_acknowledged(struct history *h, const struct words *w)
{
    struct job *j = job_get(h, w->at[1]);
    is_there(h, j, w->at[2]);
    if (!j->acknowledged_at) j->acknowledged_at = h->line;
}

static void on_refused(struct history *h, const struct words *w)
{
    struct job *j = job_get(h, w->at[1]);
    j->refused = !j->acknowledged_at;
    if (j->refused && j->id) fault(h, "refused", j, "was refused, and was there before");
}

static void on_cancelled(struct history *h, const struct words *w)
{
    job_get(h, w->at[1])->cancelled = true;
}

static void on_missing(struct history *h, const struct words *w)
{
    struct job *j = job_get(h, w->at[1]);
    j->missing = true;
    if (j->acknowledged_at && !j->excused)
        fault(h, "gone", j, "was acknowledged, and is missing");
    else if (j->seen != NO_POSITION && !j->excused)
        fault(h, "gone", j, "was seen, and is missing");
}

/* ---- what a client sees ---- */

static enum position position_of(const char *state)
{
    static const struct {
        const char *name;
        enum position position;
    } states[] = {{"RETRYING", RETRYING}, {"CREATED", CREATED}, {"SUBMITTED", SUBMITTED},
                  {"RUNNING", RUNNING},   {"KILLING", KILLING}, {"SUCCESS", FINAL},
                  {"WARNING", FINAL},     {"FAILED", FINAL},    {"KILLED", FINAL},
                  {"CANCELLED", FINAL}};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (strcmp(states[i].name, state) == 0) return states[i].position;
    return NO_POSITION;
}

/* Within one attempt; RETRYING counts the next attempt already. */
static bool may_follow(enum position was, enum position now)
{
    if (was == SUBMITTED && now == CREATED) return true; /* the agent had not begun it */
    if (now == RETRYING) return was == RETRYING || was == CREATED || was == SUBMITTED;
    return now >= was;
}

static void in_order(struct history *h, struct job *j, const char *state, int64_t attempt)
{
    enum position now = position_of(state);
    if (now == NO_POSITION) {
        fault(h, "syntax", j, "is in a state that there is not");
        return;
    }
    bool same = strcmp(j->seen_state, state) == 0 && j->seen_attempt == attempt;
    if (j->seen == FINAL && !same)
        fault(h, "final", j, "had ended, and is in another state");
    else if (j->seen != NO_POSITION && attempt < j->seen_attempt)
        fault(h, "order", j, "is at a former attempt");
    else if (j->seen != NO_POSITION && attempt == j->seen_attempt && !may_follow(j->seen, now))
        fault(h, "order", j, "is in a state that it had left");
    h->ends += now == FINAL && j->seen != FINAL;
    j->seen = now;
    j->seen_attempt = attempt;
    str_format(j->seen_state, sizeof j->seen_state, "%s", state);
}

static void code_is_right(struct history *h, struct job *j, const struct words *w, int64_t attempt)
{
    const struct attempt *a = &j->attempts[attempt];
    const char *state = w->at[3], *exit = option(w, 5, "exit"), *why = option(w, 5, "reason");
    bool success = strcmp(state, "SUCCESS") == 0;
    if (success && (!a->ended || a->code != 0))
        fault(h, "code", j, "succeeded, but its attempt did not end with 0");
    if (why && strcmp(why, "exit-code") == 0 && (!a->ended || a->code != number_or(exit, -1)))
        fault(h, "code", j, "is told to have ended otherwise than it did");
    if (strcmp(state, "FAILED") == 0 && why && strcmp(why, "exit-code") == 0 &&
        number_or(exit, 0) == 0)
        fault(h, "code", j, "failed with the code 0");
}

static void on_seen(struct history *h, const struct words *w)
{
    struct job *j = job_get(h, w->at[1]);
    int64_t attempt;
    is_there(h, j, w->at[2]);
    if (!attempt_get(h, j, w->at[4], &attempt)) return;
    in_order(h, j, w->at[3], attempt);
    if (attempt > j->retry + 1) fault(h, "retry", j, "has more attempts than were allowed");
    if (j->seen == FINAL) code_is_right(h, j, w, attempt);
}

/* How many lines of the attempt it takes to find the words in them, in order; more than there are:
 * they are not all there. gaps: lines may be missing in between. */
static size_t lines_for(const struct attempt *a, const struct words *w, size_t first, bool gaps)
{
    size_t line = 0;
    for (size_t i = first; i < w->count; i++, line++) {
        while (gaps && line < a->out_count && strcmp(w->at[i], a->out[line]) != 0)
            line++;
        if (line >= a->out_count || strcmp(w->at[i], a->out[line]) != 0) return a->out_count + 1;
    }
    return line;
}

static void on_read(struct history *h, const struct words *w)
{
    struct job *j = job_get(h, w->at[1]);
    int64_t n;
    const struct attempt *a = attempt_get(h, j, w->at[2], &n);
    if (!a) return;
    size_t lines = lines_for(a, w, 3, j->excused);
    bool success = j->seen == FINAL && strcmp(j->seen_state, "SUCCESS") == 0;
    if (lines > a->out_count)
        fault(h, "output", j, "has output that is no prefix of what was written");
    else if (lines < a->out_count && success && j->seen_attempt == n && !j->excused)
        fault(h, "output", j, "has ended, and a part of its output is missing");
}

/* ---- processes ---- */

static void on_start(struct history *h, const struct words *w)
{
    struct job *j = job_get(h, w->at[1]);
    int64_t n;
    is_there(h, j, w->at[2]);
    struct attempt *a = attempt_get(h, j, w->at[3], &n);
    if (!a) return;
    if (a->again) {
        a->again = a->started = a->ended = false;
        j->starts--;
    }
    if (a->started)
        fault(h, "twice", j, "starts an attempt twice");
    else if (n < j->newest)
        fault(h, "twice", j, "starts an attempt after a later one");
    if (j->starts > j->retry || n > j->retry + 1)
        fault(h, "retry", j, "starts more often than was allowed");
    if (w->count > 5 && strcmp(w->at[5], "met") == 0)
        fault(h, "overlap", j, "starts while another attempt lives");
    if (j->seen == FINAL) fault(h, "final", j, "had ended, and starts");
    if (j->cancelled && ++j->starts_after_cancel > 1)
        fault(h, "cancel", j, "was cancelled, and starts again and again");
    if (!j->first_start_at) j->first_start_at = h->line;
    a->started = true;
    j->starts++;
    h->starts++;
    if (n > j->newest) j->newest = n;
}

/* The attempt of a process that says something; NULL: it cannot be. */
static struct attempt *alive(struct history *h, struct job *j, const char *word)
{
    int64_t n;
    struct attempt *a = attempt_get(h, j, word, &n);
    if (!a) return NULL;
    if (!a->started)
        fault(h, "unknown", j, "has an attempt that did not start");
    else if (n < j->newest)
        fault(h, "overlap", j, "has an attempt that lives on after a later one began");
    else if (a->ended)
        fault(h, "twice", j, "has an attempt that goes on after its end");
    if (j->seen == FINAL) fault(h, "final", j, "had ended, and runs");
    return a;
}

static void on_wrote(struct history *h, const struct words *w)
{
    struct attempt *a = alive(h, job_get(h, w->at[1]), w->at[2]);
    if (a) append(&a->out, &a->out_count, &a->out_cap, mem_strdup(w->at[3]));
}

static void on_end(struct history *h, const struct words *w)
{
    struct attempt *a = alive(h, job_get(h, w->at[1]), w->at[2]);
    if (!a) return;
    a->ended = true;
    a->code = number_or(w->at[3], -1);
}

/* ---- the whole ---- */

static void on_cancel(struct history *h, const struct words *w)
{
    job_get(h, w->at[1]);
}

static void on_serial(struct history *h, const struct words *w)
{
    append(&h->serial, &h->serial_count, &h->serial_cap, mem_strdup(w->at[1]));
}

/* Neither the database nor its agent may know of an attempt that had ended. */
static void forget_ended(struct job *j)
{
    j->newest = 0;
    for (int64_t n = 1; n < ATTEMPTS_MAX; n++) {
        j->attempts[n].again = j->attempts[n].ended;
        if (j->attempts[n].started && !j->attempts[n].ended) j->newest = n;
    }
}

static void on_lost_commits(struct history *h, const struct words *w)
{
    (void)w;
    for (size_t i = 0; i < h->job_count; i++) {
        h->jobs[i]->excused = true;
        h->jobs[i]->seen = NO_POSITION;
        forget_ended(h->jobs[i]);
    }
}

static void on_last(struct history *h, const struct words *w)
{
    (void)w;
    for (size_t i = 0; i < h->job_count; i++) {
        const struct job *j = h->jobs[i];
        if (j->acknowledged_at && j->seen != FINAL && !(j->missing && j->excused))
            fault(h, "open", j, "was acknowledged, and was not seen to end");
    }
}

void history_line(struct history *h, char *line)
{
    static const struct {
        const char *name;
        size_t words;
        void (*on)(struct history *, const struct words *);
    } events[] = {{"asked", 2, on_asked},         {"acknowledged", 3, on_acknowledged},
                  {"refused", 2, on_refused},     {"cancel", 2, on_cancel},
                  {"cancelled", 2, on_cancelled}, {"start", 5, on_start},
                  {"wrote", 4, on_wrote},         {"end", 4, on_end},
                  {"seen", 5, on_seen},           {"read", 3, on_read},
                  {"missing", 2, on_missing},     {"serial", 2, on_serial},
                  {"last", 1, on_last},           {"lost-commits", 1, on_lost_commits}};
    struct words *w = mem_alloc(sizeof *w);
    h->line++;
    split(line, w);
    bool known = w->count == 0;
    for (size_t i = 0; !known && i < sizeof events / sizeof *events; i++) {
        known = strcmp(events[i].name, w->at[0]) == 0 && w->count >= events[i].words;
        if (known) events[i].on(h, w);
    }
    if (!known) fault(h, "syntax", NULL, w->at[0]);
    mem_free(w);
}

static bool is_serial(const struct history *h, const char *group)
{
    for (size_t i = 0; i < h->serial_count; i++)
        if (strcmp(h->serial[i], group) == 0) return true;
    return false;
}

/* A job that was acknowledged before another one was asked for is before it. */
void history_end(struct history *h)
{
    for (size_t i = 0; i < h->job_count; i++) {
        const struct job *a = h->jobs[i];
        if (!a->acknowledged_at || !is_serial(h, a->group)) continue;
        for (size_t k = 0; k < h->job_count; k++) {
            const struct job *b = h->jobs[k];
            if (b->first_start_at && a->acknowledged_at < b->asked_at &&
                a->priority == b->priority && strcmp(a->group, b->group) == 0 &&
                a->first_start_at > b->first_start_at) {
                h->line = a->first_start_at;
                fault(h, "turn", a, "starts after one that was submitted later");
                break;
            }
        }
    }
}

size_t history_fault_count(const struct history *h)
{
    return h->fault_count;
}

const char *history_fault(const struct history *h, size_t i)
{
    return h->faults[i];
}

void history_counts(const struct history *h, size_t *jobs, size_t *starts, size_t *ends)
{
    *jobs = 0;
    for (size_t i = 0; i < h->job_count; i++)
        *jobs += h->jobs[i]->acknowledged_at > 0;
    *starts = h->starts;
    *ends = h->ends;
}
