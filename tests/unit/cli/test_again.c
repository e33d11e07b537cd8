/* cli/again: the line that submits a job again, read by a real shell and by `cadre run` itself. */
#include "cli/again.h"

#include "base/clock.h"
#include "base/escape.h"
#include "cli/cmd_run.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ROUNDS 60
#define TEXT_MAX (1u << 20)

/* ---- what a shell makes of the line ---- */

struct said {
    char *text; /* the count, the words, and then the input, each but the last behind a NUL */
    size_t len;
    char **argv; /* "run", then the words */
    int argc;
    const char *input;
    size_t input_len;
};

static void said_fini(struct said *s)
{
    mem_free(s->argv);
    mem_free(s->text);
}

/* Runs the file; its output goes to the pipe. */
static void be_shell(const char *path, const int pipe_fds[2])
{
    int nothing = open("/dev/null", O_RDONLY);
    if (dup2(nothing, 0) == 0 && dup2(pipe_fds[1], 1) == 1) {
        close(pipe_fds[0]);
        close(pipe_fds[1]);
        execl("/bin/sh", "sh", path, (char *)NULL);
    }
    _exit(99);
}

/* The shell's output; its length is returned. */
static size_t run_shell(const char *path, char *out, size_t max)
{
    int fds[2], status = -1;
    size_t len = 0;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) be_shell(path, fds);
    close(fds[1]);
    for (ssize_t n; len < max && (n = read(fds[0], out + len, max - len)) > 0;)
        len += (size_t)n;
    close(fds[0]);
    assert_true(waitpid(pid, &status, 0) == pid);
    assert_int_equal(status, 0);
    return len;
}

static struct said ask_shell(const char *line)
{
    static const char head[] = "cadre() { printf '%s\\0' \"$#\" \"$@\"; cat; }\n";
    char path[] = "/tmp/cadre-again-XXXXXX";
    struct said s = {.text = mem_alloc(TEXT_MAX)};
    int64_t count = 0;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_true(write(fd, head, strlen(head)) == (ssize_t)strlen(head));
    assert_true(write(fd, line, strlen(line)) == (ssize_t)strlen(line));
    close(fd);
    s.len = run_shell(path, s.text, TEXT_MAX - 1);
    unlink(path);
    assert_int_equal(str_int64(s.text, &count), 0);
    assert_true(count > 0 && count < 1000);
    s.argc = (int)count;
    s.argv = mem_array((size_t)s.argc, sizeof *s.argv);
    char *at = s.text + strlen(s.text) + 1;
    for (int i = 0; i < s.argc; i++, at += strlen(at) + 1)
        s.argv[i] = at;
    s.input = at;
    s.input_len = s.len - (size_t)(at - s.text);
    return s;
}

/* Standard input is these bytes from now on. */
static void give_input(const char *data, size_t len)
{
    FILE *f = tmpfile();
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fflush(f), 0);
    assert_int_equal(lseek(fileno(f), 0, SEEK_SET), 0);
    assert_true(dup2(fileno(f), 0) == 0);
    fclose(f);
}

/* The body that `cadre run` posts when the shell gives it these words. json_free */
static struct json *submitted(const char *line)
{
    struct run_config c;
    struct opt_set set;
    struct opt_args args = {0};
    struct err e = {0};
    struct buf body;
    struct json *j = NULL;
    struct said s = ask_shell(line);
    assert_string_equal(s.argv[0], "run");
    opt_init(&set, options, sizeof options / sizeof *options, &c);
    if (opt_parse_args(&set, s.argc, s.argv, &args, &e) != 0 || check_arguments(&c, &args, &e) != 0)
        fail_msg("%s: %s", line, err_text(&e));
    give_input(s.input, s.input_len);
    buf_init(&body, LIMIT_HTTP_BODY);
    if (make_body(&c, &args, &body, &e) != 0) fail_msg("%s: %s", line, err_text(&e));
    assert_int_equal(json_parse(body.data, body.len, &j, &e), 0);
    buf_fini(&body);
    opt_fini(&set);
    said_fini(&s);
    return j;
}

/* ---- odd texts ---- */

static void add_odd(struct rng *r, struct buf *out, bool script)
{
    static const char *const odd[] = {"'",
                                      "\"",
                                      "\\",
                                      "$",
                                      "`",
                                      "!",
                                      "\n",
                                      "\t",
                                      "\r",
                                      "\x1b",
                                      "\x7f",
                                      " ",
                                      "*",
                                      "?",
                                      "~",
                                      "#",
                                      "&",
                                      ";",
                                      "|",
                                      "<",
                                      ">",
                                      "(",
                                      ")",
                                      "{{ x }}",
                                      "=",
                                      "-",
                                      "--",
                                      "%s",
                                      "%%",
                                      "\\n",
                                      "\xc3\xa9",
                                      "\xc2\x85",
                                      "\xe2\x80\xae",
                                      "\xf0\x9f\x98\x80",
                                      "a",
                                      "bc",
                                      "$(x)",
                                      "EOF",
                                      "\x01",
                                      "''",
                                      "\n\n",
                                      "\\'",
                                      "\xef\xbb\xbf",
                                      "@",
                                      "[a]"};
    size_t count = (size_t)rng_below(r, 8) + script;
    for (size_t i = 0; i < count; i++)
        (void)buf_adds(out, odd[rng_below(r, sizeof odd / sizeof *odd)]);
    if (script && !*out->data) (void)buf_adds(out, "x");
}

static void put_odd(struct rng *r, struct json *object, const char *key, const char *head)
{
    struct buf b;
    buf_init(&b, 4096);
    (void)buf_adds(&b, head);
    add_odd(r, &b, true);
    if (key)
        json_put(object, key, json_new_str(b.data));
    else
        json_push(object, json_new_str(b.data));
    buf_fini(&b);
}

static void put_odds(struct rng *r, struct json *spec, const char *key, bool program)
{
    struct json *words = json_new(JSON_ARRAY);
    uint64_t count = rng_below(r, 4);
    if (program) put_odd(r, words, NULL, "");
    for (uint64_t i = 0; i < count; i++) {
        struct buf b;
        buf_init(&b, 4096);
        (void)buf_adds(&b, "");
        add_odd(r, &b, false);
        json_push(words, json_new_str(b.data));
        buf_fini(&b);
    }
    json_put(spec, key, words);
}

static bool by_chance(struct rng *r)
{
    return rng_below(r, 2) == 1;
}

/* A job as the API shows it. */
static struct json *odd_job(struct rng *r)
{
    struct json *job = json_new(JSON_OBJECT), *spec = json_new(JSON_OBJECT);
    if (by_chance(r)) put_odd(r, job, "name", "n");
    if (by_chance(r)) put_odd(r, spec, "workdir", by_chance(r) ? "/" : "-");
    if (by_chance(r)) {
        struct json *env = json_new(JSON_OBJECT);
        put_odd(r, env, "A", "");
        put_odd(r, env, "b c", "=");
        json_put(env, "EMPTY", json_new_str(""));
        json_put(spec, "env", env);
    }
    if (by_chance(r)) {
        put_odd(r, spec, "script", "");
        if (by_chance(r)) put_odds(r, spec, "args", true);
        if (by_chance(r)) json_put(spec, "shell", json_new_str("bash"));
    } else {
        put_odds(r, spec, "command", true);
        if (by_chance(r)) json_put(spec, "stdin", json_new_str("AAECCg0KJ/8="));
    }
    json_put(job, "spec", spec);
    return job;
}

/* All members of `want` are in `got`, and no others but those named. */
static void has_all(const char *line, const struct json *got, const struct json *want)
{
    for (const struct json *v = json_first(want); v; v = json_next(v)) {
        if (str_eq(json_key(v), "spec")) {
            has_all(line, got, v);
            continue;
        }
        char *a = json_text(json_get(got, json_key(v))), *b = json_text(v);
        if (!str_eq(a, b)) fail_msg("%s\n%s: %s instead of %s", line, json_key(v), a, b);
        mem_free(a);
        mem_free(b);
    }
}

static void comes_back(const struct json *job)
{
    struct buf line;
    buf_init(&line, TEXT_MAX);
    again_line(job, true, &line);
    for (const char *s = line.data; *s;) {
        size_t n = *s == '\n' && !s[1] ? 1 : escape_printable(s, strlen(s));
        if (n == 0) fail_msg("a terminal obeys a sign of %s", line.data);
        s += n;
    }
    struct json *got = submitted(line.data);
    const struct json *spec = json_get(job, "spec");
    has_all(line.data, got, job);
    assert_int_equal(json_count(got), json_count(job) - 1 + json_count(spec));
    json_free(got);
    buf_fini(&line);
}

static void odd_jobs_come_back_as_they_were(void **state)
{
    struct rng r;
    (void)state;
    rng_init(&r, 13);
    for (int i = 0; i < ROUNDS; i++) {
        struct json *job = odd_job(&r);
        comes_back(job);
        json_free(job);
    }
}

static struct json *parse(const char *text)
{
    struct json *j = NULL;
    struct err e = {0};
    if (json_parse(text, strlen(text), &j, &e) != 0) fail_msg("%s", err_text(&e));
    return j;
}

static void all_options_come_back(void **state)
{
    (void)state;
    struct json *job = parse(
        "{\"namespace\":\"a.b\",\"name\":\"it's\",\"group\":\"default\",\"fallback\":\"FAIL\","
        "\"priority\":-7,\"timeout\":\"1m30s\",\"queueTimeout\":\"1h\",\"lease\":\"10s\","
        "\"requires\":{\"os\":\"linux\",\"memory\":\">= 8GiB\",\"label.z\":\"a b\"},"
        "\"spec\":{\"command\":[\"--help\",\"\",\"-x\"]}}");
    comes_back(job);
    json_free(job);
    job = parse("{\"namespace\":\"a\",\"group\":\"g\",\"fallback\":\"WAIT\",\"spec\":{\"command\":"
                "[\"x\"]}}");
    comes_back(job); /* the namespace's own fallback is not the job's */
    json_free(job);
}

static void is(const char *job_text, const char *expected)
{
    struct json *job = parse(job_text);
    struct buf line;
    buf_init(&line, TEXT_MAX);
    again_line(job, false, &line);
    assert_string_equal(line.data, expected);
    buf_fini(&line);
    json_free(job);
}

static void plain_jobs_read_as_they_were_typed(void **state)
{
    (void)state;
    is("{\"spec\":{\"command\":[\"echo\",\"hi there\"]}}", "cadre run -- echo 'hi there'\n");
    is("{\"group\":\"default\",\"fallback\":\"WAIT\",\"spec\":{\"script\":\"echo hi\\n\"}}",
       "printf 'echo hi\\n' | cadre run --script -\n");
    is("{\"retry\":{\"type\":\"constant\",\"interval\":\"1s\",\"maxInterval\":null,"
       "\"maxAttempts\":3,\"maxDuration\":null},\"spec\":{\"command\":[\"x\"]}}",
       "cadre run --retry 2 -- x\n");
    is("{\"spec\":{\"command\":[\"a\\nb\\n\"]}}",
       "nl=$(printf '\\n.'); nl=${nl%.}; cadre run -- 'a'\"$nl\"'b'\"$nl\"\n");
    is("{\"spec\":{\"script\":\"-%'\\\\\"}}", "printf '\\055%%\\047\\\\' | cadre run --script -\n");
    is("{\"requires\":{\"shell\":\"bash\"},\"spec\":{\"script\":\"x\",\"shell\":\"bash\"}}",
       "printf 'x' | cadre run --shell bash --script -\n");
    is("{\"requires\":{\"shell\":{\"all\":[\"sh\",\"bash\"]}},"
       "\"spec\":{\"script\":\"x\",\"shell\":\"bash\"}}",
       "printf 'x' | cadre run --require shell=sh --shell bash --script -\n");
}

static void what_has_no_option_stands_in_comments_of_one_line(void **state)
{
    (void)state;
    is("{\"killGrace\":\"5s\",\"requires\":{\"arch\":[\"a\",\"b\\n\"]},"
       "\"retry\":{\"type\":\"exponential\",\"interval\":\"1s\",\"maxAttempts\":3},"
       "\"spec\":{\"script\":\"x\",\"stdin\":\"aGk=\"}}",
       "# not in this line: its standard input, 4 bytes of base64\n"
       "# not in this line: retry: "
       "{\"type\":\"exponential\",\"interval\":\"1s\",\"maxAttempts\":3}\n"
       "# not in this line: requires arch: [\"a\",\"b\\n\"]\n"
       "# not in this line: killGrace: \"5s\"\n"
       "printf 'x' | cadre run --script -\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_jobs_come_back_as_they_were),
        cmocka_unit_test(all_options_come_back),
        cmocka_unit_test(plain_jobs_read_as_they_were_typed),
        cmocka_unit_test(what_has_no_option_stands_in_comments_of_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
