/* The alerts and the dashboard in docs/monitoring name only metrics that there are, with labels
 * that these have. What the alerts do, tests/system/prometheus.sh asks promtool. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/yaml.h"
#include "coordinator/metrics/families.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define NAMES_MAX 16

/* What an expression names. */
struct names {
    char metrics[NAMES_MAX][64], labels[NAMES_MAX][64];
    size_t metric_count, label_count;
};

static void add_name(char list[NAMES_MAX][64], size_t *count, const char *at, size_t len)
{
    assert_true(*count < NAMES_MAX && len < 64);
    memcpy(list[*count], at, len);
    list[(*count)++][len] = '\0';
}

static bool is_one_of(const char *at, size_t len, const char *const *words)
{
    for (; *words; words++)
        if (strlen(*words) == len && memcmp(*words, at, len) == 0) return true;
    return false;
}

static size_t name_len(const char *at)
{
    size_t n = 0;
    while (isalnum((unsigned char)at[n]) || at[n] == '_' || at[n] == ':')
        n++;
    return n;
}

/* PromQL, as far as it is needed: texts and durations are passed over, names in braces and behind
 * by, on ... are labels, others are metrics, unless a function's. */
static void read_names(const char *at, struct names *n)
{
    static const char *const lists[] = {"by", "on", "without", "ignoring", NULL},
                             *const words[] = {"and", "or", "unless", "bool", "offset", NULL};
    bool braces = false, list = false;
    for (; *at; at++) {
        if (*at == '"') {
            at = strchr(at + 1, '"');
            assert_non_null(at);
        } else if (*at == '[') {
            at = strchr(at, ']');
            assert_non_null(at);
        } else if (*at == '{' || *at == '}') {
            braces = *at == '{';
        } else if (*at == ')') {
            list = false;
        } else if (isdigit((unsigned char)*at)) {
            at += name_len(at) - 1;
        } else if (isalpha((unsigned char)*at) || *at == '_') {
            size_t len = name_len(at);
            const char *behind = at + len + strspn(at + len, " ");
            if (braces || list)
                add_name(n->labels, &n->label_count, at, len);
            else if (is_one_of(at, len, lists))
                list = true;
            else if (*behind != '(' && !is_one_of(behind, name_len(behind), lists) &&
                     !is_one_of(at, len, words))
                add_name(n->metrics, &n->metric_count, at, len);
            at += len - 1;
        }
    }
}

static bool is_sample_of(const char *name, const struct metric_family *f)
{
    static const char *const tails[][3] = {[METRIC_GAUGE] = {""},
                                           [METRIC_COUNTER] = {"_total"},
                                           [METRIC_HISTOGRAM] = {"_bucket", "_sum", "_count"}};
    size_t len = strlen(f->name);
    if (!str_starts(name, f->name)) return false;
    for (size_t i = 0; i < 3 && tails[f->type][i]; i++)
        if (str_eq(name + len, tails[f->type][i])) return true;
    return false;
}

/* NULL: there is no such metric. */
static const struct metric_family *family_of(const char *name)
{
    for (int m = 0; m < METRIC_COUNT; m++)
        if (is_sample_of(name, &metric_families[m])) return &metric_families[m];
    return NULL;
}

static bool has_label(const struct metric_family *f, const char *label)
{
    size_t len = strlen(label);
    if (f->type == METRIC_HISTOGRAM && str_eq(label, "le")) return true;
    for (const char *at = f->labels; *at; at += strcspn(at, ","), at += strspn(at, ", "))
        if (strncmp(at, label, len) == 0 && (at[len] == ',' || !at[len])) return true;
    return false;
}

/* A sentence when the expression names what there is not; mem_free. NULL: all is there. */
static char *wrong_in(const char *expr)
{
    struct names n = {0};
    read_names(expr, &n);
    if (n.metric_count == 0) return str_dupf("'%s' names no metric", expr);
    for (size_t i = 0; i < n.metric_count; i++)
        if (!str_eq(n.metrics[i], "up") && !family_of(n.metrics[i]))
            return str_dupf("no such metric: %s in '%s'", n.metrics[i], expr);
    for (size_t i = 0; i < n.label_count; i++) {
        bool known = str_eq(n.labels[i], "job") || str_eq(n.labels[i], "instance");
        for (size_t k = 0; k < n.metric_count && !known; k++) {
            const struct metric_family *f = family_of(n.metrics[k]);
            known = f && has_label(f, n.labels[i]);
        }
        if (!known) return str_dupf("no such label: %s in '%s'", n.labels[i], expr);
    }
    return NULL;
}

/* Of "label_values(METRIC, LABEL)", which Grafana asks for variables. */
static char *wrong_in_values(const char *query)
{
    static const char begin[] = "label_values(";
    const char *metric = query + strlen(begin), *comma = strstr(query, ", ");
    if (!str_starts(query, begin) || !comma || !str_eq(comma + 2 + name_len(comma + 2), ")"))
        return str_dupf("'%s' is no label_values(METRIC, LABEL)", query);
    char *by = str_dupf("sum by (%.*s) (%.*s)", (int)name_len(comma + 2), comma + 2,
                        (int)(comma - metric), metric);
    char *wrong = wrong_in(by);
    mem_free(by);
    return wrong;
}

/* Of "{{label}}" in a legend: is it left over by the expression? One that has no "by" has all. */
static char *wrong_in_legend(const char *legend, const char *expr)
{
    for (const char *at = legend; (at = strstr(at, "{{")) != NULL; at += 2) {
        const char *by = strstr(expr, " by ("), *label = at + 2;
        size_t len = name_len(label);
        if (len == 0 || !str_starts(label + len, "}}"))
            return str_dupf("'%s' names no label", legend);
        char *with = by ? NULL : str_dupf("sum by (%.*s) (%s)", (int)len, label, expr);
        char *wrong = with ? wrong_in(with) : NULL;
        for (by = by ? by + 5 : NULL; by && *by && *by != ')'; by += strspn(by, ", ")) {
            size_t n = strcspn(by, ",)");
            if (n == len && strncmp(by, label, n) == 0) break;
            by += n;
        }
        if (by && *by == ')')
            wrong = str_dupf("no such label is left: %.*s of '%s'", (int)len, label, expr);
        mem_free(with);
        if (wrong) return wrong;
    }
    return NULL;
}

/* Every "expr" below, with the legend beside it, and every "label_values"; returns how many
 * there are. */
static size_t check_below(const struct json *j)
{
    size_t count = 0;
    for (const struct json *c = json_first(j); c; c = json_next(c)) {
        const char *text = json_str(c, "");
        char *wrong = NULL;
        if (json_key(c) && str_eq(json_key(c), "expr")) {
            wrong = wrong_in(text);
            if (!wrong) wrong = wrong_in_legend(json_get_str(j, "legendFormat", ""), text);
            count++;
        } else if (str_starts(text, "label_values")) {
            wrong = wrong_in_values(text);
            count++;
        } else {
            count += check_below(c);
        }
        if (wrong) fail_msg("%s", wrong);
    }
    return count;
}

static char *read_source(const char *path)
{
    struct buf b;
    char name[1024], block[4096];
    buf_init(&b, 1u << 20);
    assert_int_equal(str_format(name, sizeof name, "%s/%s", CADRE_SOURCE_DIR, path), 0);
    FILE *f = fopen(name, "rb");
    assert_non_null(f);
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;)
        assert_int_equal(buf_add(&b, block, n), 0);
    fclose(f);
    return buf_detach(&b);
}

static void alerts__name_what_there_is(void **state)
{
    struct yaml_doc doc;
    struct err e = {0};
    (void)state;
    char *text = read_source("docs/monitoring/cadre.rules.yml");
    if (yaml_parse("cadre.rules.yml", text, strlen(text), &doc, &e)) fail_msg("%s", e.msg);
    const struct json *rules = json_get(json_first(json_get(doc.root, "groups")), "rules");
    assert_true(json_count(rules) > 10);
    assert_int_equal(check_below(doc.root), json_count(rules));
    yaml_doc_fini(&doc);
    mem_free(text);
}

static void dashboard__names_what_there_is(void **state)
{
    struct json *j = NULL;
    struct err e = {0};
    (void)state;
    char *text = read_source("docs/monitoring/cadre.dashboard.json");
    if (json_parse(text, strlen(text), &j, &e)) fail_msg("%s", e.msg);
    const struct json *panels = json_get(j, "panels");
    assert_true(json_count(panels) > 10);
    for (const struct json *p = json_first(panels); p; p = json_next(p))
        assert_true(check_below(p) > 0);
    const struct json *list = json_get(json_get(j, "templating"), "list");
    for (const struct json *v = json_first(list); v; v = json_next(v))
        if (str_eq(json_get_str(v, "type", ""), "query")) assert_int_equal(check_below(v), 2);
    assert_true(json_count(list) > 2);
    json_free(j);
    mem_free(text);
}

static void expression__with_what_there_is_not__is_found(void **state)
{
    static const char *const wrong[] = {
        "",
        "sum(1)",
        "cadre_job",
        "cadre_jobs_",
        "cadre_http_requests",             /* a counter has a tail */
        "cadre_jobs_total",                /* a gauge has none */
        "cadre_job_wait_seconds",          /* nor is a histogram a sample */
        "cadre_job_wait_seconds_quantile", /* or this */
        "sum by (group) (cadre_nothing)",
        "cadre_jobs + cadre_nothing",
        "up and on (instance) cadre_nothing > 0",
        "cadre_jobs{queue=\"a\"}",
        "cadre_jobs{group=\"a\",queue=~\"b\"}",
        "cadre_jobs{le=\"1\"}",
        "sum by (queue) (cadre_jobs)",
        "cadre_jobs and on (group, queue) cadre_agents",
        "cadre_jobs{grou=\"a\"}",
        "rate(cadre_http_connections{group=\"a\"}[5m])",
    };
    static const char *const fine[] = {
        "up",
        "cadre_jobs",
        "cadre_jobs{group=\"queue\", state!=\"CREATED\"} > 20e9",
        "histogram_quantile(0.9, sum by (le, group) (rate(cadre_job_wait_seconds_bucket[1h])))",
        "sum(cadre_jobs) by (group) / ignoring (state) cadre_jobs offset 5m",
        "cadre_http_requests_total{job=\"cadre\",instance=~\"$instance\"}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *sentence = wrong_in(wrong[i]);
        if (!sentence) fail_msg("nothing was found in '%s'", wrong[i]);
        mem_free(sentence);
    }
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        char *sentence = wrong_in(fine[i]);
        if (sentence) fail_msg("%s", sentence);
    }
}

static void variable_or_legend__with_what_there_is_not__is_found(void **state)
{
    static const char *const values[] = {"label_values(cadre_nothing, group)",
                                         "label_values(cadre_slots, queue)",
                                         "label_values(cadre_slots)",
                                         "label_values(cadre_slots, group",
                                         "label_values(group)",
                                         "query_result(cadre_slots)",
                                         ""};
    static const struct {
        const char *legend, *expr;
    } legends[] = {
        {"{{queue}}", "cadre_jobs"},
        {"{{queue}}", "sum by (group) (cadre_jobs)"},
        {"{{state}}", "sum by (group) (cadre_jobs)"},
        {"{{group}}", "histogram_quantile(1, sum by (le) (cadre_job_wait_seconds_bucket))"},
        {"{{group}} {{state}}", "sum by (group) (cadre_jobs)"},
        {"{{grou}}", "sum by (group) (cadre_jobs)"},
        {"{{}}", "cadre_jobs"},
        {"{{ group", "cadre_jobs"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char *sentence = wrong_in_values(values[i]);
        if (!sentence) fail_msg("nothing was found in '%s'", values[i]);
        mem_free(sentence);
    }
    for (size_t i = 0; i < sizeof legends / sizeof *legends; i++) {
        char *sentence = wrong_in_legend(legends[i].legend, legends[i].expr);
        if (!sentence) fail_msg("nothing was found in '%s'", legends[i].legend);
        mem_free(sentence);
    }
    assert_null(wrong_in_values("label_values(cadre_slots, group)"));
    assert_null(wrong_in_legend("{{state}} of {{group}}", "sum by (group, state) (cadre_jobs)"));
    assert_null(wrong_in_legend("{{group}}", "cadre_jobs"));
    assert_null(wrong_in_legend("all", "sum(cadre_jobs)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expression__with_what_there_is_not__is_found),
        cmocka_unit_test(variable_or_legend__with_what_there_is_not__is_found),
        cmocka_unit_test(alerts__name_what_there_is),
        cmocka_unit_test(dashboard__names_what_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
