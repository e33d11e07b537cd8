/* The table of metrics. */
#include "coordinator/metrics/families.h"

#define X(number, name, type, labels, help) [number] = {name, METRIC_##type, labels, help},
const struct metric_family metric_families[METRIC_COUNT] = {METRIC_FAMILIES(X)};
#undef X

const char *const metric_type_names[] = {
    [METRIC_GAUGE] = "gauge",
    [METRIC_COUNTER] = "counter",
    [METRIC_HISTOGRAM] = "histogram",
};
