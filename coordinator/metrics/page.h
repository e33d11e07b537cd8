/* Writes metrics as text: Prometheus' exposition format 0.0.4, or OpenMetrics 1.0. All samples of a
 * family come one after the other, behind its head. Any thread. */
#ifndef CADRE_COORDINATOR_METRICS_PAGE_H
#define CADRE_COORDINATOR_METRICS_PAGE_H

#include "base/buf.h"
#include "base/histogram.h"
#include "coordinator/metrics/families.h"

#include <stdbool.h>
#include <stdint.h>

#define PAGE_TYPE_PLAIN "text/plain; version=0.0.4; charset=utf-8"
#define PAGE_TYPE_OPEN "application/openmetrics-text; version=1.0.0; charset=utf-8"

struct page {
    struct buf *b; /* the caller's; what is too much for it is left out, and page_end fails */
    bool open;     /* OpenMetrics */
    enum metric at;
    int rc;
};

void page_begin(struct page *p, struct buf *b, bool open);
/* The head of a family; the samples that follow are its. */
void page_family(struct page *p, enum metric m);
/* labels: `group="a",state="b"`, values escaped (page_escape); "" or NULL: none. */
void page_count(struct page *p, const char *labels, uint64_t value);
void page_int(struct page *p, const char *labels, int64_t value);
/* In seconds, from microseconds. */
void page_seconds(struct page *p, const char *labels, int64_t us);
/* The buckets that are told of a histogram with steps as of base/histogram.h: their upper bounds
 * are 2^first, 2^(first + 2) ... 2^last, times `unit_us` microseconds. */
struct page_scale {
    unsigned first, last;
    int64_t unit_us;
};
/* sum: in the same unit. */
void page_histogram(struct page *p, const char *labels, const struct page_scale *scale,
                    const uint64_t counts[HISTOGRAM_STEPS], uint64_t sum);
/* 0, or ERR_TOO_LARGE. */
int page_end(struct page *p);

/* A label's value: backslash, quote and line end are escaped; what does not fit is cut. */
void page_escape(const char *value, char *out, size_t size);

/* Does this Accept header ask for OpenMetrics? It has to name it, and to prefer nothing else that
 * is served. NULL: no header. */
bool page_wants_open(const char *accept);

#endif
