/* The common code of the commands: see cli.h. */
#include "cli/cli.h"

#include "base/duration.h"
#include "base/escape.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/yaml.h"
#include "platform/files.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "platform/text_file.h"
#include "wire/http.h"
#include "wire/pki.h"
#include "wire/token.h"

#include <string.h>

#define KEY_MAX 200
#define WORD_MAX_BYTES 8192 /* of a token, of an address */

bool cli_json(const struct cli *cli)
{
    return str_eq(cli->output, "json");
}

/* ---- the user's config ---- */

static int take_scalar(const struct json *root, const char *path, const char *key, char **out,
                       struct err *e)
{
    const struct json *v = json_get(root, key);
    if (!v) return 0;
    if (json_type(v) != JSON_STRING)
        return err_set(e, ERR_INVALID, "%s: '%s' must be a string", path, key);
    *out = mem_strdup(json_str(v, NULL));
    return 0;
}

/* The url and token that `login` wrote. Missing file: both NULL. */
static int user_config_read(char **url, char **token, struct err *e)
{
    char *path = paths_user_config();
    struct buf text;
    struct yaml_doc doc = {0};
    buf_init(&text, 64 * 1024);
    *url = *token = NULL;
    int rc = path ? text_file_read(path, 64 * 1024, &text, e) : ERR_NOT_FOUND;
    if (rc == 0) rc = yaml_parse(path, text.data, text.len, &doc, e);
    if (rc == 0 && json_type(doc.root) != JSON_OBJECT && json_type(doc.root) != JSON_NULL)
        rc = err_set(e, ERR_INVALID,
                     "%s: 'url: HOST:PORT' and 'token: TOKEN' are expected there; 'cadre login' "
                     "writes it anew",
                     path);
    for (const struct json *v = json_first(doc.root); rc == 0 && v; v = json_next(v))
        if (!str_eq(json_key(v), "url") && !str_eq(json_key(v), "token"))
            rc =
                err_set(e, ERR_INVALID, "%s:%d: unknown key '%s'; the known keys are url and token",
                        path, yaml_line(&doc, v), json_key(v));
    if (rc == 0) rc = take_scalar(doc.root, path, "url", url, e);
    if (rc == 0) rc = take_scalar(doc.root, path, "token", token, e);
    if (rc == ERR_NOT_FOUND) rc = 0;
    yaml_doc_fini(&doc);
    buf_fini_secret(&text);
    mem_free(path);
    return rc;
}

int user_config_write(const char *url, const char *token, char **path_out, struct err *e)
{
    char *path = paths_user_config();
    if (!path)
        return err_set(
            e, ERR_NOT_FOUND,
            "there is no home folder to keep the login in: set HOME, or use CADRE_TOKEN_FILE");
    char *folder = paths_dir(path);
    struct buf text;
    buf_init(&text, 64 * 1024);
    (void)buf_adds(&text, "# written by 'cadre login'\n");
    if (url) (void)buf_addf(&text, "url: \"%s\"\n", url);
    (void)buf_addf(&text, "token: \"%s\"\n", token);
    int rc = dir_make(folder, FILE_SECRET, e);
    if (rc == 0) rc = file_write_atomic(path, text.data, text.len, FILE_SECRET, e);
    buf_fini_secret(&text);
    mem_free(folder);
    if (rc == 0)
        *path_out = path;
    else
        mem_free(path);
    return rc;
}

/* ---- finding coordinator and token ---- */

static int read_word(const char *path, const char *what, char **out, struct err *e)
{
    struct buf text;
    buf_init(&text, WORD_MAX_BYTES);
    int rc = text_word_read(path, what, WORD_MAX_BYTES, &text, e);
    if (rc == 0) *out = mem_strdup(text.data);
    buf_fini_secret(&text);
    return rc;
}

/* The coordinator listens on "0.0.0.0:7433"; this host reaches it at the loopback address. */
static char *local_address(const char *listening)
{
    if (str_starts(listening, "0.0.0.0:")) return str_dupf("127.0.0.1:%s", listening + 8);
    if (str_starts(listening, "[::]:")) return str_dupf("127.0.0.1:%s", listening + 5);
    return mem_strdup(listening);
}

/* Root on the coordinator's host: its own token and port are in the state folder, which nobody else
 * may enter. */
static int try_local(struct cli *cli, struct err *e)
{
    char *folder = paths_coordinator_state();
    char *token = paths_join(folder, "admin.token");
    char *port = paths_join(folder, "port");
    char *listening = NULL;
    int rc = read_word(token, CLI_API_TOKEN, &cli->resolved_token, e);
    if (rc == 0) cli->token_from = mem_strdup(token);
    if (rc == 0 && !cli->resolved_url &&
        read_word(port, "the coordinator's address", &listening, NULL) == 0)
        cli->resolved_url = local_address(listening);
    mem_free(listening);
    mem_free(token);
    mem_free(port);
    mem_free(folder);
    return rc == ERR_NOT_FOUND || rc == ERR_DENIED ? 0 : rc;
}

#define HOST_TOKEN "'cadre-coordinator token create' makes one there, where none is left"

/* A file that somebody named. The coordinator's own is not there after a restore. */
static int read_named(struct cli *cli, struct err *e)
{
    cli->token_from = mem_strdup(cli->token_file);
    int rc = read_word(cli->token_file, CLI_API_TOKEN, &cli->resolved_token, e);
    if (rc == ERR_NOT_FOUND && str_ends(cli->token_file, "admin.token"))
        rc = err_set(e, rc, "%s; on the coordinator's host " HOST_TOKEN, err_text(e));
    else if (rc == ERR_NOT_FOUND)
        rc = err_set(e, rc, "%s; --token-file or CADRE_TOKEN_FILE names it", err_text(e));
    return rc;
}

static int find_token(struct cli *cli, struct err *e)
{
    char *url = NULL, *token = NULL;
    int rc = 0;
    cli->resolved_url = mem_strdup(cli->url);
    if (cli->token) {
        cli->resolved_token = mem_strdup(cli->token);
        return 0;
    }
    if (cli->token_file) return read_named(cli, e);
    rc = user_config_read(&url, &token, e);
    if (rc == 0 && token) {
        cli->resolved_token = mem_strdup(token);
        cli->token_from = paths_user_config();
        if (!cli->resolved_url) cli->resolved_url = mem_strdup(url);
    }
    mem_free_secret(token);
    mem_free(url);
    if (rc == 0 && !cli->resolved_token) rc = try_local(cli, e);
    if (rc == 0 && !cli->resolved_token)
        rc = err_set(e, ERR_DENIED,
                     "no API token: get one with 'cadre token create api' on the coordinator's "
                     "host and keep it with "
                     "'cadre login TOKEN' (or set CADRE_TOKEN_FILE); " HOST_TOKEN);
    return rc;
}

static void on_away(const char *sentence, void *user)
{
    cli_note(user, "cadre: %s", sentence);
}

/* "0" has no unit. */
int cli_check_wait(const char *value, struct err *e)
{
    int64_t ms;
    return str_eq(value, "0") ? 0 : duration_parse(value, &ms, e);
}

static int64_t wait_of(const struct cli *cli)
{
    int64_t ms = 0;
    if (!cli->wait) return -1;
    return str_eq(cli->wait, "0") || duration_parse(cli->wait, &ms, NULL) == 0 ? ms : -1;
}

struct client *cli_client(struct cli *cli)
{
    struct err e = {0};
    if (cli->client) return cli->client;
    int rc = find_token(cli, &e);
    struct client_options o = {.url = cli->resolved_url,
                               .token = cli->resolved_token,
                               .token_from = cli->token_from,
                               .wait_ms = wait_of(cli),
                               .on_away = on_away,
                               .user = cli};
    if (rc == 0) rc = client_new(&o, &cli->client, &e);
    if (rc != 0) (void)cli_fail(cli, 0, &e);
    return rc == 0 ? cli->client : NULL;
}

const struct json *cli_call(struct cli *cli, const char *method, const char *target,
                            const char *body, struct response *out)
{
    struct err e = {0};
    struct client *c = cli_client(cli);
    memset(out, 0, sizeof *out);
    if (!c) return NULL;
    const struct request request = {.method = method, .target = target, .body = body};
    if (client_call(c, &request, out, &e) == 0) {
        /* 204: success without a body. */
        if (!out->body && out->raw_len == 0) out->body = json_new(JSON_OBJECT);
        if (out->body) return out->body;
    }
    if (e.code == 0) err_set(&e, ERR_PROTOCOL, "the coordinator's answer is not JSON");
    (void)cli_fail(cli, 0, &e);
    response_fini(out);
    return NULL;
}

char *cli_path(const char *collection, const char *name, const char *rest)
{
    struct buf b;
    buf_init(&b, 8192);
    (void)buf_addf(&b, "/api/v1/%s/", collection);
    (void)http_encode(&b, name);
    if (rest) (void)buf_addf(&b, "/%s", rest);
    return buf_detach(&b);
}

void cli_query(struct buf *target, const char *key, const char *value)
{
    if (!value) return;
    (void)buf_addf(target, "%c%s=", strchr(target->data, '?') ? '&' : '?', key);
    (void)http_encode(target, value);
}

static size_t words_of(const char *place)
{
    size_t n = 1;
    for (; *place; place++)
        n += *place == '/';
    return n;
}

char *cli_slashed(const struct cli *cli, const char *place, const char *form)
{
    char *copy = mem_strdup(place);
    bool empty = place[0] == '/' || !place[0] || str_ends(place, "/") || strstr(place, "//");
    char *dot = strrchr(copy, '.');
    /* of a longer form it is not certain which word is missing */
    bool dotted = words_of(place) == 1 && words_of(form) == 2 && dot;
    if (!empty && dotted && dot > copy && dot[1]) *dot = '/';
    if (!empty && words_of(copy) == words_of(form)) return copy;
    mem_free(copy);
    (void)cli_usage(cli, "'%s' is not of the form %s; 'cadre %s list' shows them", place, form,
                    words_of(form) == 2 ? "flow" : "trigger");
    return NULL;
}

char *cli_place(const struct cli *cli, const char *collection, const char *place, const char *rest,
                const char *form)
{
    struct buf b;
    char *copy = cli_slashed(cli, place, form), *at = copy;
    if (!copy) return NULL;
    buf_init(&b, 65536);
    (void)buf_addf(&b, "/api/v1/%s", collection);
    while (at) {
        char *slash = strchr(at, '/');
        if (slash) *slash = 0;
        (void)buf_addc(&b, '/');
        (void)http_encode(&b, at);
        at = slash ? slash + 1 : NULL;
    }
    if (rest) (void)buf_addf(&b, "/%s", rest);
    mem_free(copy);
    char *path = buf_detach(&b);
    buf_fini(&b);
    return path;
}

/* The same rule as in the API; the key is sent in a header. */
int cli_check_key(const char *value, struct err *e)
{
    size_t n = strlen(value);
    if (n < 1 || n > KEY_MAX) return err_set(e, ERR_INVALID, "a key has 1 to %d bytes", KEY_MAX);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)value[i] < ' ' || value[i] == 0x7f)
            return err_set(e, ERR_INVALID, "a key must not have control characters");
    return 0;
}

char *cli_key(const char *given)
{
    uint8_t random[12];
    char time[ID_TEXT_SIZE], text[2 * sizeof random + 1];
    struct moment now;
    struct err e;
    if (given) return mem_strdup(given);
    if (pki_random(random, sizeof random, &e) != 0) return NULL;
    os_now(&now);
    id_format(id_make(now.wall_ms, 0), time);
    str_hex(text, random, sizeof random);
    return str_dupf("%s%s", time, text);
}

/* "os=windows" or "memory>=16GiB" as a member of an object. */
int cli_write_requires(struct jw *w, const char *member, const struct opt_list *list, struct err *e)
{
    jw_object(w, member);
    for (size_t i = 0; i < list->count; i++) {
        const char *text = list->items[i];
        size_t n = strcspn(text, "=<>!");
        if (n == 0 || !text[n])
            return err_set(
                e, ERR_INVALID,
                "--require '%s' is not K=EXPR, for example os=linux or memory='>= 16GiB'", text);
        char *key = mem_strndup(text, n);
        /* K=EXPR. In "memory>=16GiB", as users often write, the operator belongs to the
         * expression. */
        jw_str(w, str_trim(key), text[n] == '=' ? text + n + 1 : text + n);
        mem_free(key);
    }
    jw_end(w);
    return 0;
}

/* ---- texts ---- */

void table_init(struct table *t, size_t columns, const char *const *head)
{
    memset(t, 0, sizeof *t);
    t->columns = columns;
    for (size_t i = 0; i < columns; i++)
        t->head[i] = head[i];
}

/* A cell is foreign text. mem_free */
static char *shown(const char *text)
{
    struct buf b;
    buf_init(&b, 16 * 1024 * 1024);
    escape_text(&b, text, strlen(text));
    return buf_detach(&b);
}

void table_add(struct table *t, const char *const *cells)
{
    t->cells = mem_resize(t->cells, (t->rows + 1) * t->columns, sizeof *t->cells);
    for (size_t i = 0; i < t->columns; i++)
        t->cells[t->rows * t->columns + i] = shown(cells[i] ? cells[i] : "-");
    t->rows++;
}

/* Columns are counted in characters. */
static size_t width(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static void print_row(struct out *out, const char *const *cells, const size_t *widths,
                      size_t columns)
{
    for (size_t i = 0; i < columns; i++) {
        out_text(out, cells[i]);
        for (size_t n = width(cells[i]); i + 1 < columns && n < widths[i] + 2; n++)
            out_text(out, " ");
    }
    out_text(out, "\n");
}

void table_fini(struct table *t)
{
    for (size_t i = 0; i < t->rows * t->columns; i++)
        mem_free(t->cells[i]);
    mem_free(t->cells);
    memset(t, 0, sizeof *t);
}

void table_print(struct table *t, struct out *out)
{
    size_t widths[TABLE_COLUMNS] = {0};
    for (size_t i = 0; i < t->columns; i++) {
        widths[i] = width(t->head[i]);
        for (size_t r = 0; r < t->rows; r++) {
            size_t n = width(t->cells[r * t->columns + i]);
            if (n > widths[i]) widths[i] = n;
        }
    }
    print_row(out, t->head, widths, t->columns);
    for (size_t r = 0; r < t->rows; r++)
        print_row(out, (const char *const *)t->cells + r * t->columns, widths, t->columns);
    table_fini(t);
}

static void put_seconds(int64_t s, char *out)
{
    static const struct {
        int64_t seconds;
        const char *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
    for (size_t i = 0; i < 4; i++) {
        if (s < units[i].seconds * (i < 3 ? 2 : 0)) continue;
        (void)str_format(out, DURATION_TEXT_SIZE, "%lld%s", (long long)(s / units[i].seconds),
                         units[i].unit);
        return;
    }
}

void text_age(const char *rfc3339, char *out)
{
    int64_t then;
    out[0] = '-';
    out[1] = 0;
    if (!rfc3339 || time_parse(rfc3339, &then) != 0) return;
    int64_t s = (os_wall_ms() - then) / 1000;
    put_seconds(s < 0 ? 0 : s, out);
}

bool text_until(const char *rfc3339, char *out)
{
    int64_t then, now = os_wall_ms();
    if (!rfc3339 || time_parse(rfc3339, &then) != 0 || then <= now) return false;
    put_seconds((then - now + 999) / 1000, out);
    return true;
}

void show_line(struct out *out, const char *label, const char *value)
{
    out_line(out, "%-17s %s", label, value ? value : "-");
}

const char *text_of(const struct json *j, char *scratch, size_t size)
{
    switch (json_type(j)) {
    case JSON_STRING:
        return json_str(j, NULL);
    case JSON_BOOL:
        return json_bool(j, false) ? "yes" : "no";
    case JSON_NUMBER:
        if (json_is_int(j) ? str_format(scratch, size, "%lld", (long long)json_int(j, 0))
                           : str_format(scratch, size, "%g", json_num(j, 0)))
            return NULL;
        return scratch;
    case JSON_NULL:
        return NULL;
    default:
        break;
    }
    char *text = json_text(j);
    bool fits = str_copy(scratch, size, text) == 0;
    mem_free(text);
    return fits ? scratch : "...";
}
