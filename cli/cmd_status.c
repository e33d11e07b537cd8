/* cadre status | login | version */
#include "cli/commands.h"

#include "base/buf.h"
#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "cadre_version.h"
#include "platform/text_file.h"

#include <string.h>

/* Of the database. */
static const char *standby_text(const char *standby)
{
    if (str_eq(standby, "synchronous")) return "a synchronous one, which has each commit";
    if (str_eq(standby, "none"))
        return "none is synchronous: a failover of the database can lose what was acknowledged "
               "last";
    if (str_eq(standby, "gone"))
        return "the synchronous standby does not answer: commits wait for it, reads go on";
    return "unknown: the role may not see pg_stat_replication (GRANT pg_read_all_stats)";
}

/* Who has the queue, where several coordinators share a database. */
static void show_owner(struct out *out, const struct json *s)
{
    const struct json *owner = json_get(s, "owner");
    struct buf line;
    if (!json_get(s, "owns")) return;
    const char *standby = json_get_str(s, "standby", NULL);
    show_line(out, "store", json_get_str(s, "store", NULL));
    if (standby) show_line(out, "standby", standby_text(standby));
    buf_init(&line, 4096);
    if (json_type(owner) != JSON_OBJECT) {
        (void)buf_adds(&line, "none at present");
    } else {
        (void)buf_addf(&line, "%s%s, epoch %lld", json_get_str(owner, "holder", "-"),
                       json_get_bool(s, "owns", false) ? " (this coordinator)" : "",
                       (long long)json_get_int(owner, "epoch", 0));
        const char *before = ", also at ", *holder = json_get_str(owner, "holder", NULL);
        for (const struct json *a = json_first(json_get(owner, "addresses")); a; a = json_next(a)) {
            if (str_eq(json_str(a, "-"), holder)) continue;
            (void)buf_addf(&line, "%s%s", before, json_str(a, "-"));
            before = ", ";
        }
    }
    show_line(out, "owner", line.data);
    const struct json *all = json_get(s, "coordinators");
    buf_clear(&line);
    if (all)
        (void)buf_addf(&line, "%lld alive, %lld gone", (long long)json_get_int(all, "alive", 0),
                       (long long)json_get_int(all, "gone", 0));
    if (all) show_line(out, "coordinators", line.data);
    buf_fini(&line);
}

static int run_status(struct cli *cli, void *config, const struct opt_args *args)
{
    (void)config;
    struct response r;
    char scratch[64];
    if (args->argc > 0)
        return cli_usage(cli, "status takes no argument '%s'; see 'cadre status --help'",
                         args->argv[0]);
    const struct json *s = cli_call(cli, "GET", "/api/v1/status", NULL, &r);
    if (!s) return EXIT_ERROR;
    if (cli_json(cli)) {
        out_json(&cli->out, s);
        response_fini(&r);
        return EXIT_OK;
    }
    show_line(&cli->out, "version", json_get_str(s, "version", NULL));
    show_line(&cli->out, "started", json_get_str(s, "startedAt", NULL));
    static const char *const parts[] = {"agents", "slots", "jobs", "evaluations"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct buf line;
        buf_init(&line, 4096);
        for (const struct json *v = json_first(json_get(s, parts[i])); v; v = json_next(v)) {
            const char *text = text_of(v, scratch, sizeof scratch);
            (void)buf_addf(&line, "%s%s %s", line.len ? ", " : "", text ? text : "-", json_key(v));
        }
        show_line(&cli->out, parts[i], line.data);
        buf_fini(&line);
    }
    char queue[DURATION_TEXT_SIZE], output[DURATION_TEXT_SIZE];
    const struct json *database = json_get(s, "database");
    size_round(json_get_int(database, "bytes", 0), queue);
    size_round(json_get_int(database, "outputBytes", 0), output);
    char *sizes = str_dupf("%s, %s of output", queue, output);
    show_line(&cli->out, "database", sizes);
    mem_free(sizes);
    show_owner(&cli->out, s);
    for (const struct json *p = json_first(json_get(s, "putOff")); p; p = json_next(p)) {
        struct buf line;
        buf_init(&line, 4096);
        (void)buf_addf(&line, "%s, until %s: incident %s in the log", json_get_str(p, "what", "-"),
                       json_get_str(p, "until", "-"), json_get_str(p, "incident", "-"));
        show_line(&cli->out, "put off", line.data);
        buf_fini(&line);
    }
    response_fini(&r);
    return EXIT_OK;
}

const struct command cmd_status = {
    .name = "status",
    .arguments = "",
    .summary = "show the state of the coordinator",
    .example = "cadre status",
    .run = run_status,
};

static void print_kept(struct cli *cli, const struct json *who, const char *path)
{
    struct json *kept = json_copy(who);
    json_put(kept, "config", json_new_str(path));
    out_json(&cli->out, kept);
    json_free(kept);
}

static int keep_login(struct cli *cli, const char *token)
{
    struct response r;
    struct err e = {0};
    char *path = NULL;
    cli->token = mem_strdup(token);
    const struct json *who = cli_call(cli, "GET", "/api/v1/whoami", NULL, &r);
    if (!who) return EXIT_ERROR;
    int rc = user_config_write(cli->url, token, &path, &e);
    if (rc == 0 && cli_json(cli))
        print_kept(cli, who, path);
    else if (rc == 0)
        out_line(&cli->out, "logged in with role %s; kept in %s", json_get_str(who, "role", "?"),
                 path);
    mem_free(path);
    response_fini(&r);
    return rc == 0 ? EXIT_OK : cli_fail(cli, EXIT_ERROR, &e);
}

static int run_login(struct cli *cli, void *config, const struct opt_args *args)
{
    (void)config;
    struct err e = {0};
    struct buf input;
    if (args->argc != 1)
        return cli_usage(cli,
                         "login takes one TOKEN ('-' reads it from standard input, which keeps it "
                         "out of the shell's history)");
    buf_init(&input, 8192);
    int rc = 0;
    if (str_eq(args->argv[0], "-")) rc = text_word_read("-", CLI_API_TOKEN, 8191, &input, &e);
    if (rc == 0 && !str_eq(args->argv[0], "-")) rc = buf_adds(&input, args->argv[0]);
    char *old = cli->token;
    int code = rc == 0 ? keep_login(cli, str_trim(input.data)) : cli_fail(cli, EXIT_ERROR, &e);
    if (rc == 0) mem_free_secret(old); /* else the client has it still */
    buf_fini_secret(&input);
    return code;
}

const struct command cmd_login = {
    .name = "login",
    .arguments = "TOKEN",
    .summary = "check an API token and keep it for later commands",
    .details = "The token carries the coordinator's address and the pin of its CA: nothing else is "
               "needed. With --url the address is "
               "kept too.",
    .example = "cadre login cadre-api-...\n"
               "cadre login - <token.txt",
    .run = run_login,
};

static int run_version(struct cli *cli, void *config, const struct opt_args *args)
{
    (void)config;
    if (args->argc > 0)
        return cli_usage(cli, "version takes no argument '%s'; see 'cadre version --help'",
                         args->argv[0]);
    if (cli_json(cli)) {
        struct json *v = json_new(JSON_OBJECT);
        json_put(v, "version", json_new_str(CADRE_VERSION));
        out_json(&cli->out, v);
        json_free(v);
        return EXIT_OK;
    }
    out_line(&cli->out, "cadre %s", CADRE_VERSION);
    return EXIT_OK;
}

const struct command cmd_version = {
    .name = "version",
    .arguments = "",
    .summary = "print the version",
    .example = "cadre version",
    .run = run_version,
};
