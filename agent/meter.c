/* The text of the agent's metrics. */
#include "agent/meter.h"

#include "base/err.h"
#include "base/str.h"
#include "cadre_version.h"

#include <inttypes.h>

#define X(number, name, type, label, help) [number] = {name, type, label, help},
const struct meter_family meter_families[METER_COUNT] = {METER_FAMILIES(X)};
#undef X

struct meter_page {
    struct buf *b;
    const char *agent;
    const struct meter_family *at;
    int rc;
};

static void note(struct meter_page *p, int rc)
{
    if (rc && !p->rc) p->rc = rc;
}

static void begin_family(struct meter_page *p, enum meter m)
{
    p->at = &meter_families[m];
    note(p, buf_addf(p->b, "# HELP %s %s\n# TYPE %s %s\n", p->at->name, p->at->help, p->at->name,
                     p->at->type));
}

/* A name may have any character but those that are not visible. */
static void add_escaped(struct meter_page *p, const char *value)
{
    for (; *value; value++) {
        if (*value == '\\' || *value == '"') note(p, buf_addc(p->b, '\\'));
        note(p, buf_addc(p->b, *value));
    }
}

/* label: the value of the family's further label; NULL: it has none. */
static void begin_sample(struct meter_page *p, const char *label)
{
    note(p, buf_addf(p->b, "%s{agent=\"", p->at->name));
    add_escaped(p, p->agent);
    note(p, buf_addc(p->b, '"'));
    if (label) note(p, buf_addf(p->b, ",%s=\"%s\"", p->at->label, label));
    note(p, buf_adds(p->b, "} "));
}

static void add_int(struct meter_page *p, enum meter m, int64_t value)
{
    begin_family(p, m);
    begin_sample(p, NULL);
    note(p, buf_addf(p->b, "%" PRId64 "\n", value));
}

static void add_seconds(struct meter_page *p, enum meter m, int64_t us)
{
    begin_family(p, m);
    begin_sample(p, NULL);
    note(p, buf_addf(p->b, "%" PRId64 ".%06d\n", us / 1000000, (int)(us % 1000000)));
}

static void add_jobs(struct meter_page *p, const struct meter_reading *r)
{
    static const char *const names[] = {
        [METER_SUCCESS] = "SUCCESS", [METER_FAILED] = "FAILED", [METER_KILLED] = "KILLED"};
    add_int(p, A_TAKES, r->takes_jobs);
    add_int(p, A_SLOTS, r->slots);
    add_int(p, A_TAKEN, (int64_t)r->slots_taken);
    add_int(p, A_JOBS, (int64_t)r->jobs);
    begin_family(p, A_ENDED);
    for (int i = 0; i < METER_ENDS; i++) {
        begin_sample(p, names[i]);
        note(p, buf_addf(p->b, "%" PRIu64 "\n", r->ended[i]));
    }
}

int meter_write(const struct meter_reading *r, struct buf *b)
{
    struct meter_page p = {.b = b, .agent = r->agent};
    begin_family(&p, A_INFO);
    begin_sample(&p, CADRE_VERSION);
    note(&p, buf_adds(b, "1\n"));
    add_int(&p, A_CONNECTED, r->connected);
    add_seconds(&p, A_ACKNOWLEDGED, r->acknowledged_ms * 1000);
    add_jobs(&p, r);
    add_int(&p, A_RESULTS, (int64_t)r->results);
    add_int(&p, A_PENDING, r->pending_bytes);
    add_int(&p, A_JOURNAL, r->journal_bytes);
    if (r->has_usage) {
        add_seconds(&p, A_CPU, r->usage.cpu_us);
        add_int(&p, A_MEMORY, r->usage.resident_bytes);
        add_int(&p, A_FILES, r->usage.open_files);
    }
    add_seconds(&p, A_START, r->started_ms * 1000);
    return p.rc;
}
