/* The two formats differ in the names of counters' heads and in the end. */
#include "coordinator/metrics/page.h"

#include "base/str.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void note(struct page *p, int rc)
{
    if (rc && !p->rc) p->rc = rc;
}

void page_begin(struct page *p, struct buf *b, bool open)
{
    *p = (struct page){.b = b, .open = open};
}

void page_family(struct page *p, enum metric m)
{
    const struct metric_family *f = &metric_families[m];
    const char *tail = f->type == METRIC_COUNTER && !p->open ? "_total" : "";
    p->at = m;
    note(p, buf_addf(p->b, "# HELP %s%s %s\n# TYPE %s%s %s\n", f->name, tail, f->help, f->name,
                     tail, metric_type_names[f->type]));
}

/* The sample's name and labels. */
static void begin_sample(struct page *p, const char *labels)
{
    const struct metric_family *f = &metric_families[p->at];
    note(p, buf_adds(p->b, f->name));
    if (f->type == METRIC_COUNTER) note(p, buf_adds(p->b, "_total"));
    if (!str_empty(labels)) note(p, buf_addf(p->b, "{%s}", labels));
}

void page_count(struct page *p, const char *labels, uint64_t value)
{
    begin_sample(p, labels);
    note(p, buf_addf(p->b, " %" PRIu64 "\n", value));
}

void page_int(struct page *p, const char *labels, int64_t value)
{
    begin_sample(p, labels);
    note(p, buf_addf(p->b, " %" PRId64 "\n", value));
}

void page_seconds(struct page *p, const char *labels, int64_t us)
{
    begin_sample(p, labels);
    note(p, buf_addf(p->b, " %" PRId64 ".%06d\n", us / 1000000, (int)(us % 1000000)));
}

/* A number of the scale, exactly. */
static void add_scaled(struct page *p, const struct page_scale *scale, uint64_t value)
{
    char digits[48];
    uint64_t us = value * (uint64_t)scale->unit_us;
    (void)str_format(digits, sizeof digits, "%" PRIu64 ".%06u", us / 1000000,
                     (unsigned)(us % 1000000));
    for (size_t n = strlen(digits); digits[n - 1] == '0' && digits[n - 2] != '.'; n--)
        digits[n - 1] = '\0';
    note(p, buf_adds(p->b, digits));
}

void page_histogram(struct page *p, const char *labels, const struct page_scale *scale,
                    const uint64_t counts[HISTOGRAM_STEPS], uint64_t sum)
{
    const char *name = metric_families[p->at].name, *comma = str_empty(labels) ? "" : ",";
    if (!labels) labels = "";
    uint64_t below = 0;
    unsigned step = 0;
    for (unsigned last = scale->first; last <= scale->last; last += 2) {
        for (; step <= last; step++)
            below += counts[step];
        note(p, buf_addf(p->b, "%s_bucket{%s%sle=\"", name, labels, comma));
        add_scaled(p, scale, UINT64_C(1) << last);
        note(p, buf_addf(p->b, "\"} %" PRIu64 "\n", below));
    }
    for (; step < HISTOGRAM_STEPS; step++)
        below += counts[step];
    note(p, buf_addf(p->b, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, labels, comma, below));
    const char *open = *comma ? "{" : "", *close = *comma ? "}" : "";
    note(p, buf_addf(p->b, "%s_sum%s%s%s ", name, open, labels, close));
    add_scaled(p, scale, sum);
    note(p, buf_addf(p->b, "\n%s_count%s%s%s %" PRIu64 "\n", name, open, labels, close, below));
}

int page_end(struct page *p)
{
    if (p->open) note(p, buf_adds(p->b, "# EOF\n"));
    return p->rc;
}

void page_escape(const char *value, char *out, size_t size)
{
    size_t n = 0;
    for (; *value; value++) {
        bool special = *value == '\\' || *value == '"' || *value == '\n';
        if (n + (special ? 3 : 2) > size) break;
        if (special) out[n++] = '\\';
        out[n++] = *value == '\n' ? 'n' : *value;
    }
    out[n] = '\0';
}

/* ---- Accept (RFC 9110 section 12.5.1) ---- */

/* The weight of an element; 1000 unless it says another. */
static int weight_of(const char *element, size_t len)
{
    for (size_t i = 0; i + 2 < len; i++) {
        if (element[i] != ';') continue;
        size_t k = i + 1;
        while (k < len && (element[k] == ' ' || element[k] == '\t'))
            k++;
        if (k + 2 > len || (element[k] | 0x20) != 'q' || element[k + 1] != '=') continue;
        int weight = 0, digits = 0;
        for (k += 2; k < len && digits < 4; k++) {
            if (element[k] == '.') continue;
            if (element[k] < '0' || element[k] > '9') break;
            weight = weight * 10 + (element[k] - '0');
            digits++;
        }
        for (; digits < 4; digits++)
            weight *= 10;
        return weight;
    }
    return 1000;
}

static bool is_type(const char *element, size_t len, const char *type)
{
    size_t n = strlen(type);
    if (len < n) return false;
    for (size_t i = 0; i < n; i++)
        if ((element[i] | 0x20) != (type[i] | 0x20)) return false;
    return len == n || element[n] == ';' || element[n] == ' ' || element[n] == '\t';
}

bool page_wants_open(const char *accept)
{
    static const char *const plain_types[] = {"text/plain", "text/*", "*/*"};
    int open = 0, plain = 0;
    for (const char *at = accept ? accept : ""; *at;) {
        at += strspn(at, " \t,");
        size_t len = strcspn(at, ",");
        int weight = weight_of(at, len);
        if (is_type(at, len, "application/openmetrics-text") && weight > open) open = weight;
        for (size_t i = 0; i < sizeof plain_types / sizeof *plain_types; i++)
            if (is_type(at, len, plain_types[i]) && weight > plain) plain = weight;
        at += len;
    }
    return open > 0 && open >= plain;
}
