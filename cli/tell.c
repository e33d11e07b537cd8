/* What the commands say on standard error: see cli.h. */
#include "cli/cli.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/streams.h"

#include <stdarg.h>
#include <string.h>

#define LINE_MAX_BYTES (1024 * 1024)

/* Each line goes out in one write; where it cannot be written, nothing changes. */
static void write_line(struct buf *line)
{
    (void)buf_addc(line, '\n');
    (void)fd_write_all(2, line->data, line->len, NULL);
    buf_fini(line);
}

static void format_note(const struct cli *cli, struct buf *line, const char *fmt, va_list args)
{
    buf_init(line, LINE_MAX_BYTES);
    (void)buf_adds(line, out_break(&cli->out));
    out_format_note(line, cli->out.json, fmt, args);
}

void cli_note(const struct cli *cli, const char *fmt, ...)
{
    struct buf line;
    va_list args;
    va_start(args, fmt);
    format_note(cli, &line, fmt, args);
    va_end(args);
    write_line(&line);
}

void cli_note_now(const struct cli *cli, const char *fmt, ...)
{
    struct buf line;
    va_list args;
    va_start(args, fmt);
    format_note(cli, &line, fmt, args);
    va_end(args);
    (void)buf_addc(&line, '\n');
    (void)fd_write_some(2, line.data, line.len, NULL);
    buf_fini(&line);
}

/* "--state" of "--state: 'x' is not ...". */
static const char *flag_in(const char *message, char out[ERR_MSG_MAX])
{
    size_t n = str_starts(message, "--") ? strcspn(message, " :=,") : 0;
    if (n < 3 || n >= ERR_MSG_MAX) return NULL;
    memcpy(out, message, n);
    out[n] = 0;
    return out;
}

/* problems: those of an API error, or NULL. */
static void write_error(const struct cli *cli, const char *code, const char *message,
                        const char *field, const struct json *problems)
{
    struct buf text, line;
    struct jw w;
    char flag[ERR_MSG_MAX];
    buf_init(&text, LINE_MAX_BYTES);
    buf_init(&line, LINE_MAX_BYTES);
    jw_init(&w, &text);
    jw_object(&w, NULL);
    jw_object(&w, "error");
    jw_str(&w, "code", code);
    jw_str(&w, "message", message);
    jw_str(&w, "field", field ? field : flag_in(message, flag));
    if (json_count(problems) > 0) {
        char *raw = json_text(problems);
        jw_raw(&w, "problems", raw);
        mem_free(raw);
    }
    jw_end(&w);
    jw_end(&w);
    (void)jw_finish(&w);
    (void)buf_adds(&line, out_break(&cli->out));
    out_format_json(&line, text.data);
    buf_fini(&text);
    write_line(&line);
}

/* "ERR_NOT_FOUND" as "not-found". */
static const char *code_name(int code)
{
    static const struct {
        int code;
        const char *name;
    } names[] = {
        {ERR_INVALID, "invalid"},
        {ERR_NOT_FOUND, "not-found"},
        {ERR_EXISTS, "exists"},
        {ERR_TOO_LARGE, "too-large"},
        {ERR_IO, "io"},
        {ERR_DENIED, "denied"},
        {ERR_TIMEOUT, "timeout"},
        {ERR_CLOSED, "closed"},
        {ERR_PROTOCOL, "protocol"},
        {ERR_TLS, "tls"},
        {ERR_UNAVAILABLE, "unavailable"},
        {ERR_CONFLICT, "conflict"},
        {ERR_CORRUPT, "corrupt"},
        {ERR_UNSUPPORTED, "unsupported"},
        {ERR_FULL, "full"},
        {ERR_MACHINE, "machine"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].code == code) return names[i].name;
    return "internal";
}

int cli_fail(const struct cli *cli, int code, const struct err *e)
{
    if (!cli->out.json) {
        cli_note(cli, "cadre: %s", err_text(e));
        return code;
    }
    const struct client_problem *p = cli->client ? client_problem(cli->client) : NULL;
    /* The coordinator's words tell more than our code, as long as this is what it said. */
    bool said = p && strstr(err_text(e), p->message) != NULL;
    write_error(cli, said ? p->code : code_name(e->code), err_text(e),
                said && p->field[0] ? p->field : NULL, NULL);
    return code;
}

int cli_usage(const struct cli *cli, const char *fmt, ...)
{
    struct buf line;
    va_list args;
    buf_init(&line, LINE_MAX_BYTES);
    va_start(args, fmt);
    out_format_line(&line, fmt, args);
    va_end(args);
    if (cli->out.json)
        write_error(cli, "usage", line.data, NULL, NULL);
    else
        cli_note(cli, "cadre: %s", line.data);
    buf_fini(&line);
    return EXIT_USAGE;
}

int cli_fail_usage(const struct cli *cli, int code, const struct err *e)
{
    if (e->code != ERR_INVALID) return cli_fail(cli, code, e);
    (void)cli_usage(cli, "%s", err_text(e));
    return code;
}

int cli_fail_problems(const struct cli *cli, int code, const struct response *r,
                      const struct err *e)
{
    const struct json *error = json_get(r->body, "error");
    const struct json *problems = json_get(error, "problems");
    if (json_count(problems) == 0) return cli_fail(cli, code, e);
    if (cli->out.json) {
        write_error(cli, json_get_str(error, "code", "invalid"), err_text(e),
                    json_get_str(error, "field", NULL), problems);
        return code;
    }
    for (const struct json *p = json_first(problems); p; p = json_next(p)) {
        const char *file = json_get_str(p, "file", "?");
        const char *message = json_get_str(p, "message", "?");
        int64_t line = json_get_int(p, "line", 0);
        if (line > 0)
            cli_note(cli, "%s:%lld: %s", file, (long long)line, message);
        else
            cli_note(cli, "%s: %s", file, message);
    }
    return code;
}
