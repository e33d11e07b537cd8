/* What a scrape found, as text. */
#include "coordinator/metrics/scrape.h"

#include "base/mem.h"
#include "base/str.h"
#include "cadre_version.h"
#include "coordinator/metrics/metrics.h"
#include "coordinator/metrics/page.h"
#include "platform/os.h"
#include "platform/usage.h"

#include <string.h>

#define LABELS_SIZE 400
#define ESCAPED_SIZE 128 /* a group's key, each byte of it escaped */
#define US_PER_MS 1000

struct scrape *scrape_new(void)
{
    struct scrape *s = mem_alloc(sizeof *s);
    buf_init(&s->text, SCRAPE_BYTES);
    s->groups = mem_array(SCRAPE_GROUPS + 1, sizeof *s->groups);
    map_init(&s->by_key);
    return s;
}

void scrape_free(struct scrape *s)
{
    if (!s) return;
    mem_free(s->http);
    mem_free(s->series);
    mem_free(s->groups);
    map_fini(&s->by_key);
    buf_fini(&s->text);
    mem_free(s);
}

/* ---- the groups ---- */

static struct scrape_group *add_group(struct scrape *s, const char *key)
{
    struct scrape_group *g = &s->groups[s->group_count++];
    (void)str_copy(g->key, sizeof g->key, key);
    return g;
}

struct scrape_group *scrape_group(struct scrape *s, const char *key)
{
    uint64_t number = map_text_key(key);
    bool one_of_many = str_eq(key, SCRAPE_OTHER); /* a group of that name is counted with them */
    size_t own = s->group_count - (s->other != NULL);
    struct scrape_group *g = map_find(&s->by_key, number);
    if (g && str_eq(g->key, key)) return g;
    if (!g && !one_of_many && own < SCRAPE_GROUPS) {
        g = add_group(s, key);
        map_put(&s->by_key, number, g);
        return g;
    }
    if (!s->other) s->other = add_group(s, SCRAPE_OTHER);
    return s->other;
}

void scrape_add_series(struct scrape *s, const struct series *series, size_t count)
{
    s->series = mem_dup(series, count * sizeof *series);
    s->series_count = count;
    for (size_t i = 0; i < count; i++)
        (void)scrape_group(s, series[i].group);
}

static const char *labels_of_group(char out[LABELS_SIZE], const char *group, const char *more)
{
    char escaped[ESCAPED_SIZE];
    page_escape(group, escaped, sizeof escaped);
    (void)str_format(out, LABELS_SIZE, "group=\"%s\"%s", escaped, more);
    return out;
}

static const char *labels_of(char out[LABELS_SIZE], const struct scrape_group *g, const char *more)
{
    return labels_of_group(out, g->key, more);
}

static void write_jobs(struct page *p, const struct scrape *s)
{
    char labels[LABELS_SIZE], state[32];
    page_family(p, M_JOBS);
    for (size_t i = 0; i < s->group_count; i++) {
        for (int k = 0; k <= JOB_RETRYING; k++) {
            (void)str_format(state, sizeof state, ",state=\"%s\"", fsm_name(&job_fsm, k));
            page_int(p, labels_of(labels, &s->groups[i], state), s->groups[i].jobs[k]);
        }
    }
}

static void write_oldest(struct page *p, const struct scrape *s)
{
    char labels[LABELS_SIZE];
    int64_t now_ms = os_wall_ms();
    page_family(p, M_OLDEST);
    for (size_t i = 0; i < s->group_count; i++) {
        int64_t oldest_ms = s->groups[i].oldest_ms;
        int64_t age_ms = oldest_ms > 0 && oldest_ms < now_ms ? now_ms - oldest_ms : 0;
        page_seconds(p, labels_of(labels, &s->groups[i], ""), age_ms * US_PER_MS);
    }
}

static void write_agents(struct page *p, const struct scrape *s)
{
    char labels[LABELS_SIZE];
    page_family(p, M_AGENTS);
    for (size_t i = 0; i < s->group_count; i++) {
        const struct scrape_group *g = &s->groups[i];
        page_int(p, labels_of(labels, g, ",state=\"ONLINE\""), g->agents.online);
        page_int(p, labels_of(labels, g, ",state=\"OFFLINE\""), g->agents.offline);
        page_int(p, labels_of(labels, g, ",state=\"DRAINING\""), g->agents.draining);
        page_int(p, labels_of(labels, g, ",state=\"UNWELL\""), g->agents.unwell);
    }
}

static void write_rest(struct page *p, const struct scrape *s)
{
    char labels[LABELS_SIZE];
    page_family(p, M_PAUSED);
    for (size_t i = 0; i < s->group_count; i++)
        page_int(p, labels_of(labels, &s->groups[i], ""), s->groups[i].paused);
    page_family(p, M_SLOTS);
    for (size_t i = 0; i < s->group_count; i++)
        page_int(p, labels_of(labels, &s->groups[i], ""), s->groups[i].agents.slots);
    page_family(p, M_FREE_SLOTS);
    for (size_t i = 0; i < s->group_count; i++)
        page_int(p, labels_of(labels, &s->groups[i], ""), s->groups[i].agents.free_slots);
}

/* ---- what became of jobs ---- */

/* The series' numbers at this place of the struct. */
static void write_counter(struct page *p, const struct scrape *s, enum metric m, size_t offset)
{
    char labels[LABELS_SIZE];
    page_family(p, m);
    for (size_t i = 0; i < s->series_count; i++) {
        uint64_t count;
        memcpy(&count, (const char *)&s->series[i] + offset, sizeof count);
        labels_of_group(labels, s->series[i].group, "");
        page_count(p, labels, count);
    }
}

static void write_ends(struct page *p, const struct scrape *s, bool evaluations)
{
    char labels[LABELS_SIZE], more[64];
    page_family(p, evaluations ? M_EVALUATIONS : M_ENDED);
    for (size_t i = 0; i < s->series_count; i++) {
        const struct series *x = &s->series[i];
        for (int state = JOB_SUCCESS; state < SHOWN_STATES; state++) {
            /* SUCCESS and WARNING are of jobs, FIRED and NO of evaluations, the rest of both */
            if (state >= SHOWN_FIRED ? !evaluations : evaluations && state <= JOB_WARNING) continue;
            (void)str_format(more, sizeof more, ",state=\"%s\"", shown_state_names[state]);
            labels_of_group(labels, x->group, more);
            page_count(p, labels, (evaluations ? x->evaluations : x->ended)[state - JOB_SUCCESS]);
        }
    }
}

/* 1 ms to 18 h, in steps of four. */
static const struct page_scale job_scale = {.first = 0, .last = 26, .unit_us = US_PER_MS};

static void write_times(struct page *p, const struct scrape *s, bool runs)
{
    char labels[LABELS_SIZE];
    page_family(p, runs ? M_RUN : M_WAIT);
    for (size_t i = 0; i < s->series_count; i++) {
        const struct series_times *t = runs ? &s->series[i].runs : &s->series[i].waits;
        labels_of_group(labels, s->series[i].group, "");
        page_histogram(p, labels, &job_scale, t->counts, t->sum_ms);
    }
}

static void write_series(struct page *p, const struct scrape *s)
{
    write_counter(p, s, M_CREATED, offsetof(struct series, created));
    write_counter(p, s, M_HANDED_OUT, offsetof(struct series, handed_out));
    write_ends(p, s, false);
    write_ends(p, s, true);
    write_counter(p, s, M_RETRIES, offsetof(struct series, retried));
    write_counter(p, s, M_LOST, offsetof(struct series, lost));
    write_times(p, s, false);
    write_times(p, s, true);
}

/* ---- the store ---- */

/* 64 us to 17 s, and 1 to 16,384 commands, in steps of four. */
static const struct page_scale commit_scale = {.first = 6, .last = 24, .unit_us = 1};
static const struct page_scale batch_scale = {.first = 0, .last = 14, .unit_us = 1000000};

static void write_commits(struct page *p, const struct scrape *s)
{
    const struct round_commits *n = &s->commits;
    page_family(p, M_COMMIT);
    page_histogram(p, NULL, &commit_scale, n->times, n->sum_us);
    page_family(p, M_BATCH);
    page_histogram(p, NULL, &batch_scale, n->sizes, n->commands);
    page_family(p, M_ROLLED_BACK);
    page_count(p, NULL, n->failed);
    page_family(p, M_BATCH_AGE);
    page_seconds(p, NULL, s->batch_ms * US_PER_MS);
}

/* ---- the rest ---- */

static void write_build(struct page *p)
{
    page_family(p, M_BUILD);
    page_int(p, "version=\"" CADRE_VERSION "\"", 1);
}

static void write_coordinators(struct page *p, const struct scrape *s)
{
    page_family(p, M_OWNER);
    page_int(p, NULL, s->owns);
    page_family(p, M_COORDINATORS);
    page_int(p, "state=\"alive\"", s->coordinators_alive);
    page_int(p, "state=\"gone\"", s->coordinators_gone);
}

static void write_files(struct page *p, const struct scrape *s)
{
    page_family(p, M_DATABASE);
    page_int(p, "file=\"cadre.db\"", s->database_bytes);
    page_int(p, "file=\"output.db\"", s->output_bytes);
}

static void write_http(struct page *p, const struct scrape *s)
{
    char labels[LABELS_SIZE];
    page_family(p, M_HTTP);
    for (size_t i = 0; i < s->http_count; i++) {
        const struct scrape_http *h = &s->http[i];
        char code[16] = "other";
        if (h->code) (void)str_format(code, sizeof code, "%d", h->code);
        (void)str_format(labels, sizeof labels, "method=\"%s\",route=\"%s%s\",code=\"%s\"",
                         h->route ? h->method : "none", h->route ? "/" : "",
                         h->route ? h->route : "none", code);
        page_count(p, labels, h->count);
    }
    page_family(p, M_HTTP_CONNECTIONS);
    page_count(p, NULL, s->http_connections);
    page_family(p, M_AGENT_CONNECTIONS);
    page_count(p, NULL, s->agent_connections);
}

static void write_door(struct page *p, const struct link_listener_counters *n)
{
    page_family(p, M_HANDSHAKES);
    page_count(p, "result=\"done\"", n->opened);
    page_count(p, "result=\"failed\"", n->failed);
    page_count(p, "result=\"late\"", n->late);
    page_family(p, M_CONNECTIONS);
    page_count(p, "result=\"accepted\"", n->accepted);
    page_count(p, "result=\"cut\"", n->cut);
    page_count(p, "result=\"refused\"", n->refused);
}

static void write_messages(struct page *p, const struct scrape *s)
{
    page_family(p, M_MESSAGES);
    page_count(p, "result=\"delivered\"", s->messages.delivered);
    page_count(p, "result=\"failed\"", s->messages.failed);
    page_count(p, "result=\"dropped\"", s->messages.dropped);
    page_family(p, M_MESSAGES_WAITING);
    page_int(p, NULL, s->messages_waiting);
}

static void write_process(struct page *p, const struct scrape *s)
{
    struct os_usage u;
    if (os_usage(&u) == 0) {
        page_family(p, M_CPU);
        page_seconds(p, NULL, u.cpu_us);
        page_family(p, M_MEMORY);
        page_int(p, NULL, u.resident_bytes);
        page_family(p, M_OPEN_FDS);
        page_int(p, NULL, u.open_files);
        if (u.most_files > 0) {
            page_family(p, M_MAX_FDS);
            page_int(p, NULL, u.most_files);
        }
    }
    page_family(p, M_START);
    page_seconds(p, NULL, s->started_ms * US_PER_MS);
}

int scrape_write(struct scrape *s, struct err *e)
{
    struct page p;
    page_begin(&p, &s->text, s->open);
    write_build(&p);
    write_coordinators(&p, s);
    write_jobs(&p, s);
    write_oldest(&p, s);
    write_agents(&p, s);
    write_rest(&p, s);
    write_series(&p, s);
    write_commits(&p, s);
    write_files(&p, s);
    write_http(&p, s);
    write_door(&p, &s->door);
    write_messages(&p, s);
    write_process(&p, s);
    int rc = page_end(&p);
    return rc ? err_set(e, rc, "the metrics have more than %u bytes", SCRAPE_BYTES) : 0;
}
