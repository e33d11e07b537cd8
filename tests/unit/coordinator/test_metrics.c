/* The text of metrics, what asks for which format, who may read without a token; and
 * docs/metrics.md has the same table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/metrics/allow.h"
#include "coordinator/metrics/page.h"

#include <stdio.h>
#include <string.h>

/* ---- the page ---- */

static char *page_of(bool open)
{
    struct buf b;
    struct page p;
    buf_init(&b, 10000);
    page_begin(&p, &b, open);
    page_family(&p, M_BUILD);
    page_int(&p, "version=\"1\"", 1);
    page_family(&p, M_HTTP);
    page_count(&p, "code=\"200\"", UINT64_MAX);
    page_family(&p, M_OLDEST);
    page_seconds(&p, NULL, 1000001);
    page_seconds(&p, "", 0);
    assert_int_equal(page_end(&p), 0);
    return buf_detach(&b);
}

static void plain_page__names_counters_with_total_everywhere(void **state)
{
    (void)state;
    char *text = page_of(false);
    assert_string_equal(text, "# HELP cadre_build_info Always 1; the label is the version.\n"
                              "# TYPE cadre_build_info gauge\n"
                              "cadre_build_info{version=\"1\"} 1\n"
                              "# HELP cadre_http_requests_total Requests that were answered.\n"
                              "# TYPE cadre_http_requests_total counter\n"
                              "cadre_http_requests_total{code=\"200\"} 18446744073709551615\n"
                              "# HELP cadre_queue_oldest_seconds Age of the oldest job in the "
                              "queue, from its submit; 0 when none waits.\n"
                              "# TYPE cadre_queue_oldest_seconds gauge\n"
                              "cadre_queue_oldest_seconds 1.000001\n"
                              "cadre_queue_oldest_seconds 0.000000\n");
    mem_free(text);
}

static void open_page__names_the_family_without_total_and_ends(void **state)
{
    (void)state;
    char *text = page_of(true);
    assert_non_null(strstr(text, "# TYPE cadre_http_requests counter\n"
                                 "cadre_http_requests_total{code=\"200\"} "));
    assert_string_equal(text + strlen(text) - 6, "# EOF\n");
    assert_null(strstr(text, "\n\n"));
    mem_free(text);
}

static void histogram__adds_up_to_its_count(void **state)
{
    static const struct page_scale scale = {.first = 1, .last = 5, .unit_us = 1000},
                                   seconds = {.first = 0, .last = 2, .unit_us = 1000000};
    uint64_t counts[HISTOGRAM_STEPS] = {[0] = 1, [1] = 2, [3] = 4, [5] = 8, [6] = 16, [31] = 32};
    struct buf b;
    struct page p;
    (void)state;
    buf_init(&b, 10000);
    page_begin(&p, &b, true);
    page_family(&p, M_WAIT);
    buf_clear(&b);
    page_histogram(&p, "group=\"g\"", &scale, counts, 1050);
    assert_string_equal(b.data, "cadre_job_wait_seconds_bucket{group=\"g\",le=\"0.002\"} 3\n"
                                "cadre_job_wait_seconds_bucket{group=\"g\",le=\"0.008\"} 7\n"
                                "cadre_job_wait_seconds_bucket{group=\"g\",le=\"0.032\"} 15\n"
                                "cadre_job_wait_seconds_bucket{group=\"g\",le=\"+Inf\"} 63\n"
                                "cadre_job_wait_seconds_sum{group=\"g\"} 1.05\n"
                                "cadre_job_wait_seconds_count{group=\"g\"} 63\n");
    buf_clear(&b);
    page_histogram(&p, NULL, &seconds, counts, 10);
    assert_string_equal(b.data, "cadre_job_wait_seconds_bucket{le=\"1.0\"} 1\n"
                                "cadre_job_wait_seconds_bucket{le=\"4.0\"} 3\n"
                                "cadre_job_wait_seconds_bucket{le=\"+Inf\"} 63\n"
                                "cadre_job_wait_seconds_sum 10.0\n"
                                "cadre_job_wait_seconds_count 63\n");
    buf_fini(&b);
}

static void page_that_is_too_long__fails(void **state)
{
    struct buf b;
    struct page p;
    (void)state;
    buf_init(&b, 50);
    page_begin(&p, &b, true);
    page_family(&p, M_BUILD);
    assert_int_equal(page_end(&p), ERR_TOO_LARGE);
    buf_fini(&b);
}

static void escape__leaves_nothing_that_ends_a_value(void **state)
{
    char out[8];
    (void)state;
    page_escape("a\"b\\c\nd", out, sizeof out);
    assert_string_equal(out, "a\\\"b\\\\c");
    page_escape("1234567\"", out, sizeof out);
    assert_string_equal(out, "1234567");
    page_escape("123456\"", out, sizeof out); /* not half of an escape */
    assert_string_equal(out, "123456");
    page_escape("", out, sizeof out);
    assert_string_equal(out, "");
}

static void accept__open_only_when_it_is_named_and_preferred(void **state)
{
    static const char *const open[] = {
        "application/openmetrics-text",
        "application/openmetrics-text; version=1.0.0",
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
        "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        "text/plain;q=0.4, Application/OpenMetrics-Text;q=0.5",
        " ,, application/openmetrics-text , */*",
        "text/plain; q=0.999, application/openmetrics-text; q=1",
    };
    static const char *const plain[] = {
        NULL,
        "",
        "*/*",
        "text/plain",
        "text/html, */*;q=0.8",
        "application/openmetrics-text;q=0",
        "application/openmetrics-text;q=0.0",
        "application/openmetrics-text;q=0.5, text/plain",
        "application/openmetrics-text;q=0.5, */*;q=0.6",
        "application/openmetrics-textual",
        "application/openmetrics",
        "xapplication/openmetrics-text",
        "text/plain;x=application/openmetrics-text",
        "application/openmetrics-text;q=x",
        "application/openmetrics-text;q=",
    };
    (void)state;
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        if (!page_wants_open(open[i])) fail_msg("'%s' asks for OpenMetrics", open[i]);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (page_wants_open(plain[i])) fail_msg("'%s' does not ask for OpenMetrics", plain[i]);
}

/* ---- who may read without a token ---- */

static bool may(const char *net, const char *remote)
{
    struct allow_net n;
    struct err e = {0};
    if (allow_parse(net, &n, &e)) fail_msg("%s", e.msg);
    return allow_has(&n, 1, remote);
}

static void network__holds_its_addresses_and_no_other(void **state)
{
    static const struct {
        const char *net, *remote;
        bool in;
    } rows[] = {
        {"127.0.0.1", "127.0.0.1:80", true},
        {"127.0.0.1", "127.0.0.2:80", false},
        {"10.0.0.0/8", "10.255.255.255:1", true},
        {"10.0.0.0/8", "11.0.0.0:1", false},
        {"10.1.2.3/8", "10.9.9.9:1", true},
        {"192.168.4.0/22", "192.168.7.255:1", true},
        {"192.168.4.0/22", "192.168.8.0:1", false},
        {"192.168.4.0/22", "192.168.3.255:1", false},
        {"192.168.4.4/31", "192.168.4.5:1", true},
        {"192.168.4.4/32", "192.168.4.5:1", false},
        {"0.0.0.0/0", "203.0.113.9:1", true},
        {"0.0.0.0/0", "[2001:db8::1]:1", false},
        {"::/0", "[2001:db8::1]:1", true},
        {"::/0", "203.0.113.9:1", false},
        {"2001:db8::/33", "[2001:db8:7fff::1]:1", true},
        {"2001:db8::/33", "[2001:db8:8000::1]:1", false},
        {"::1", "[::1]:7433", true},
        {"::1", "[::2]:7433", false},
        {"fe80::/10", "[fe80::1%eth0]:1", true},
        {"127.0.0.1", "", false},
        {"127.0.0.1", ":80", false},
        {"0.0.0.0/0", "unknown", false},
        {"0.0.0.0/0", "1.2.3:80", false},
        {"::/0", "[]:80", false},
        {"::/0", "::1:80", false},
        {"0.0.0.0/0", "[1.2.3.4]:80", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (may(rows[i].net, rows[i].remote) != rows[i].in)
            fail_msg("%s %s %s", rows[i].remote, rows[i].in ? "is in" : "is not in", rows[i].net);
}

static void network__that_is_none_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "/",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/8x",
        "10.0.0.0/-1",
        "10.0.0.0/ 8",
        "10.0.0.0/+8",
        "10.0.0/8",
        "10.0.0.256",
        "localhost",
        "10.0.0.0/8/8",
        "2001:db8::/129",
        "2001:db8::/0128",
        ":::",
        "[::1]",
        "*",
        "10.0.0.0/255.0.0.0",
        "11111111111111111111111111111111111111111111111111111111111111111111111"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct allow_net n;
        struct err e = {0};
        if (allow_parse(wrong[i], &n, &e) != ERR_INVALID) fail_msg("'%s' was taken", wrong[i]);
        assert_non_null(strstr(e.msg, "neither an address nor a network"));
    }
}

static void no_network__lets_nobody_in(void **state)
{
    (void)state;
    assert_false(allow_has(NULL, 0, "127.0.0.1:80"));
}

/* ---- the table and its page ---- */

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

/* "group, state" as "`group`, `state`". */
static void quote_labels(const char *labels, char *out, size_t size)
{
    struct buf b;
    buf_init(&b, size);
    for (const char *at = labels; *at;) {
        size_t len = strcspn(at, ",");
        buf_addf(&b, "%s`%.*s`", b.len ? ", " : "", (int)len, at);
        at += len;
        at += strspn(at, ", ");
    }
    assert_int_equal(str_format(out, size, "%s%s", b.data, b.len ? " " : ""), 0);
    buf_fini(&b);
}

static void document__has_a_row_for_each_metric_in_order(void **state)
{
    (void)state;
    char *doc = read_source("docs/metrics.md");
    const char *at = strstr(doc, "\n## The coordinator's metrics\n");
    assert_non_null(at);
    for (int m = 0; m < METRIC_COUNT; m++) {
        const struct metric_family *f = &metric_families[m];
        char row[400], labels[200];
        quote_labels(f->labels, labels, sizeof labels);
        (void)str_format(row, sizeof row, "| `%s%s` | %s | %s| ", f->name,
                         f->type == METRIC_COUNTER ? "_total" : "", metric_type_names[f->type],
                         labels);
        at = strstr(at + 1, "\n| `");
        if (!at || !str_starts(at + 1, row)) fail_msg("docs/metrics.md has no row '%s' there", row);
    }
    at = strstr(at + 1, "\n| `");
    const char *next = strstr(doc, "\n## The agent's metrics\n");
    if (at && (!next || at < next)) fail_msg("no such metric: %.60s", at + 1);
    mem_free(doc);
}

/* Prometheus' rules of names; what promtool asks for besides, tests/system/metrics.sh asks. */
static void names__are_of_base_units(void **state)
{
    static const char *const foreign[] = {"_ms", "_millis", "_kb", "_minutes", "_hours", "_total"};
    (void)state;
    for (int m = 0; m < METRIC_COUNT; m++) {
        const char *name = metric_families[m].name;
        assert_true(str_starts(name, "cadre_") || str_starts(name, "process_"));
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
        for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
            if (strstr(name, foreign[i])) fail_msg("%s has '%s'", name, foreign[i]);
        for (int k = 0; k < m; k++)
            assert_string_not_equal(name, metric_families[k].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_page__names_counters_with_total_everywhere),
        cmocka_unit_test(open_page__names_the_family_without_total_and_ends),
        cmocka_unit_test(histogram__adds_up_to_its_count),
        cmocka_unit_test(page_that_is_too_long__fails),
        cmocka_unit_test(escape__leaves_nothing_that_ends_a_value),
        cmocka_unit_test(accept__open_only_when_it_is_named_and_preferred),
        cmocka_unit_test(network__holds_its_addresses_and_no_other),
        cmocka_unit_test(network__that_is_none_is_refused),
        cmocka_unit_test(no_network__lets_nobody_in),
        cmocka_unit_test(document__has_a_row_for_each_metric_in_order),
        cmocka_unit_test(names__are_of_base_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
