/* Commands about many jobs: what is asked for, page by page, and what is told when one fails. The
 * coordinator is this test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/bulk.h"
#include "cli/commands.h"

#include <string.h>

#define MOST 8

struct scene {
    struct cli cli;
    const char *answers[MOST]; /* in their order; NULL: the coordinator is away */
    size_t asked;
    char *targets[MOST];
    struct buf said[2]; /* standard output, standard error */
};
static struct scene scene;

int __wrap_client_call(struct client *c, const struct request *request, struct response *out,
                       struct err *e);
int __wrap_client_call(struct client *c, const struct request *request, struct response *out,
                       struct err *e)
{
    (void)c;
    assert_true(scene.asked < MOST);
    const char *answer = scene.answers[scene.asked];
    scene.targets[scene.asked++] = mem_strdup(request->target);
    *out = (struct response){.status = 200};
    if (!answer) return err_set(e, ERR_UNAVAILABLE, "the coordinator is away");
    return json_parse(answer, strlen(answer), &out->body, e);
}

int __wrap_fd_write_all(int fd, const void *data, size_t len, struct err *e);
int __wrap_fd_write_all(int fd, const void *data, size_t len, struct err *e)
{
    (void)e;
    return buf_add(&scene.said[fd - 1], data, len);
}

static int setup(void **state)
{
    (void)state;
    memset(&scene, 0, sizeof scene);
    out_init(&scene.cli.out);
    scene.cli.out.place->one = false;
    scene.cli.client = (struct client *)&scene; /* which is asked for nothing */
    buf_init(&scene.said[0], 65536);
    buf_init(&scene.said[1], 65536);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < scene.asked; i++)
        mem_free(scene.targets[i]);
    out_fini(&scene.cli.out);
    mem_free(scene.cli.output);
    buf_fini(&scene.said[0]);
    buf_fini(&scene.said[1]);
    return 0;
}

static int run(const struct command *command, struct bulk_config *c, char *id)
{
    struct opt_args args = {.argc = id ? 1 : 0, .argv = &id};
    scene.cli.command = command;
    int code = command->run(&scene.cli, c, &args);
    (void)out_flush(&scene.cli.out);
    for (size_t i = 0; i < 2; i++)
        (void)buf_add(&scene.said[i], "", 1);
    return code;
}

static void says(size_t place, const char *part)
{
    if (!strstr(scene.said[place].data, part))
        fail_msg("'%s' is not in '%s'", part, scene.said[place].data);
}

#define COUNTED                                                                                    \
    "{\"matched\":3,\"since\":\"2026-01-31T07:00:00.000Z\",\"startCursor\":\"c1\","                \
    "\"nextCursor\":null}"
#define PAGE                                                                                       \
    "{\"matched\":2,\"retried\":2,\"refused\":0,\"jobs\":[{\"retryOf\":\"a\",\"id\":\"x\","        \
    "\"duplicate\":false},{\"retryOf\":\"b\",\"id\":\"y\",\"duplicate\":false}],"                  \
    "\"nextCursor\":\"c2\"}"

static void json__has_what_was_done_before_a_failure(void **state)
{
    (void)state;
    struct bulk_config c = {.filter.state = "FAILED", .yes = true};
    scene.cli.output = mem_strdup("json");
    scene.cli.out.json = true;
    scene.answers[0] = COUNTED;
    scene.answers[1] = PAGE;
    assert_int_equal(run(&cmd_job_retry, &c, NULL), EXIT_ERROR);
    assert_int_equal(scene.asked, 3);
    says(0, "{\"matched\":2,\"retried\":2,\"refused\":0,\"jobs\":[{\"retryOf\":\"a\",\"id\":\"x\"");
    says(0, "\"id\":\"y\"");
    says(1, "the coordinator is away");
}

static void json__has_nothing_when_nothing_was_done(void **state)
{
    (void)state;
    struct bulk_config c = {.filter.state = "FAILED", .yes = true};
    scene.cli.output = mem_strdup("json");
    scene.cli.out.json = true;
    scene.answers[0] = COUNTED;
    assert_int_equal(run(&cmd_job_retry, &c, NULL), EXIT_ERROR);
    assert_string_equal(scene.said[0].data, "");
    says(1, "the coordinator is away");
}

static void text__has_the_ids_and_the_sums_before_a_failure(void **state)
{
    (void)state;
    struct bulk_config c = {.filter.state = "FAILED", .yes = true};
    scene.answers[0] = COUNTED;
    scene.answers[1] = PAGE;
    assert_int_equal(run(&cmd_job_retry, &c, NULL), EXIT_ERROR);
    assert_string_equal(scene.said[0].data, "x\ny\n");
    says(1, "2 run again, 0 refused");
    says(1, "the coordinator is away");
}

static void a_time_is_that_of_the_count(void **state)
{
    (void)state;
    struct bulk_config c = {.filter.since = "1h", .yes = true};
    scene.answers[0] = COUNTED;
    scene.answers[1] = "{\"matched\":3,\"cancelled\":3,\"nextCursor\":null}";
    assert_int_equal(run(&cmd_job_cancel, &c, NULL), EXIT_OK);
    assert_int_equal(scene.asked, 2);
    assert_string_equal(scene.targets[0], "/api/v1/jobs/cancel?since=1h&dryRun=true");
    assert_string_equal(scene.targets[1],
                        "/api/v1/jobs/cancel?since=2026-01-31T07%3A00%3A00.000Z&cursor=c1");
    assert_string_equal(c.filter.since, "1h");
}

static void a_time_of_the_end_is_that_of_the_count(void **state)
{
    (void)state;
    struct bulk_config c = {.filter = {.ended_since = "1d", .ended_until = "1h"}, .yes = true};
    scene.answers[0] = "{\"matched\":1,\"endedSince\":\"2026-01-30T08:00:00.000Z\",\"endedUntil\":"
                       "\"2026-01-31T07:00:00.000Z\",\"startCursor\":\"c1\",\"nextCursor\":null}";
    scene.answers[1] =
        "{\"matched\":1,\"retried\":1,\"refused\":0,\"jobs\":[],\"nextCursor\":null}";
    assert_int_equal(run(&cmd_job_retry, &c, NULL), EXIT_OK);
    assert_string_equal(scene.targets[0],
                        "/api/v1/jobs/retry?endedSince=1d&endedUntil=1h&dryRun=true");
    assert_string_equal(scene.targets[1],
                        "/api/v1/jobs/retry?endedSince=2026-01-30T08%3A00%3A00.000Z"
                        "&endedUntil=2026-01-31T07%3A00%3A00.000Z&cursor=c1");
}

static void each_filter__is_asked_for_in_both_turns(void **state)
{
    (void)state;
    char *keys[] = {"a", "b"};
    struct opt_pair items[2] = {{.key = keys[0], .value = "1"}, {.key = keys[1], .value = ""}};
    struct bulk_config c = {.filter = {.flow = "company.team/nightly",
                                       .reason = "exit-code,timeout",
                                       .exit_code = "0",
                                       .task = "load it",
                                       .unnamed = true,
                                       .labels = {.items = items, .count = 2}},
                            .yes = true};
    static const char asked[] = "namespace=company.team&flow=nightly&reason=exit-code%2Ctimeout"
                                "&exitCode=0&task=load%20it&named=false&label=a%3D1&label=b%3D";
    char *wanted[2] = {str_dupf("/api/v1/jobs/cancel?%s&dryRun=true", asked),
                       str_dupf("/api/v1/jobs/cancel?%s&cursor=c1", asked)};
    scene.answers[0] = COUNTED;
    scene.answers[1] = "{\"matched\":3,\"cancelled\":3,\"nextCursor\":null}";
    assert_int_equal(run(&cmd_job_cancel, &c, NULL), EXIT_OK);
    assert_int_equal(scene.asked, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(scene.targets[i], wanted[i]);
        mem_free(wanted[i]);
    }
    assert_string_equal(c.filter.flow, "company.team/nightly");
}

static void exit_code__is_a_whole_number(void **state)
{
    static const char *const wrong[] = {"", "x", "3x", "1.0", " 1", "99999999999999999999"};
    struct err e = {0};
    (void)state;
    assert_int_equal(resource_check_exit_code("0", &e), 0);
    assert_int_equal(resource_check_exit_code("-1", &e), 0);
    assert_int_equal(resource_check_exit_code("3221225786", &e), 0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (resource_check_exit_code(wrong[i], &e) != ERR_INVALID) fail_msg("'%s'", wrong[i]);
}

static void an_id_is_agreed_to_as_well(void **state)
{
    (void)state;
    struct bulk_config c = {.yes = true};
    scene.answers[0] = "{\"id\":\"06f3k9x2m1c7a\",\"state\":\"CANCELLED\"}";
    assert_int_equal(run(&cmd_job_cancel, &c, "06f3k9x2m1c7a"), EXIT_OK);
    assert_int_equal(scene.asked, 1);
    assert_string_equal(scene.targets[0], "/api/v1/jobs/06f3k9x2m1c7a/cancel");
}

static void command_lines_that_are_not_clear__ask_for_nothing(void **state)
{
    static const struct {
        struct bulk_config c;
        char *id;
        const char *part;
    } wrong[] = {
        {{.yes = false}, NULL, "say which jobs: by ID or NAME, by filters such as --state, or all"},
        {{.yes = true}, NULL, "say which jobs: by ID or NAME"},
        {{.filter.kind = "task", .yes = true}, NULL, "say which jobs: by ID or NAME"},
        {{.filter.kind = "all", .dry_run = true}, NULL, "say which jobs: by ID or NAME"},
        {{.filter.kind = "task"}, "a", "takes 'a', or options that choose jobs"},
        {{.filter.group = "g", .yes = true}, "a", "takes 'a', or options that choose jobs"},
        {{.dry_run = true}, "a", "--dry-run is about the jobs that filters choose, not about 'a'"},
        {{.unique = "k"}, "a", "--unique is about the jobs that filters choose, not about 'a'"},
        {{.all = true}, "a", "--all is about the jobs that filters choose, not about 'a'"},
        {{.all = true, .filter.group = "g"}, NULL, "--all is about all jobs"},
        {{.filter.group = "", .yes = true}, NULL, "--group is empty"},
        {{.filter.exit_code = "", .yes = true}, NULL, "--exit-code is empty"},
        {{.filter.flow = "", .yes = true}, NULL, "--flow is empty"},
        {{.filter.flow = "nightly", .yes = true}, NULL, "not of the form NAMESPACE/FLOW"},
        {{.filter = {.flow = "a/b", .ns = "a"}, .yes = true}, NULL, "leave --namespace out"},
        {{.filter.unnamed = true, .yes = true}, "a", "takes 'a', or options that choose jobs"},
        {{.all = true, .filter.reason = "lost"}, NULL, "--all is about all jobs"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct bulk_config c = wrong[i].c;
        assert_int_equal(run(i % 2 ? &cmd_job_cancel : &cmd_job_retry, &c, wrong[i].id),
                         EXIT_USAGE);
        says(1, wrong[i].part);
        buf_consume(&scene.said[1], scene.said[1].len);
    }
    (void)state;
    assert_int_equal(scene.asked, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(json__has_what_was_done_before_a_failure),
        T(json__has_nothing_when_nothing_was_done),
        T(text__has_the_ids_and_the_sums_before_a_failure),
        T(a_time_is_that_of_the_count),
        T(a_time_of_the_end_is_that_of_the_count),
        T(each_filter__is_asked_for_in_both_turns),
        T(exit_code__is_a_whole_number),
        T(an_id_is_agreed_to_as_well),
        T(command_lines_that_are_not_clear__ask_for_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
