/* See run_tree.h. */
#include "cli/run_tree.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"

#define DEPTH_SHOWN 32
#define NAME_BYTES 200

/* Run number n is at place n - 1 of a list that is whole; 0 is nothing. */
struct tree {
    const struct json **runs;
    size_t *child, *next; /* numbers */
    size_t count;
};

static size_t parent_of(const struct json *run, size_t number)
{
    int64_t parent = json_get_int(run, "parent", 0);
    return parent > 0 && parent < (int64_t)number ? (size_t)parent : 0;
}

/* From the last on, so that each list of children is in order. */
static void link_runs(struct tree *t)
{
    for (size_t number = t->count; number > 0; number--) {
        size_t parent = parent_of(t->runs[number - 1], number);
        t->next[number] = t->child[parent];
        t->child[parent] = number;
    }
}

static const char *took(const struct json *run, char out[DURATION_TEXT_SIZE])
{
    int64_t from, to;
    const char *started = json_get_str(run, "startedAt", NULL);
    const char *ended = json_get_str(run, "endedAt", NULL);
    if (!started || !ended || time_parse(started, &from) || time_parse(ended, &to) || to < from)
        return NULL;
    duration_format(to - from, out);
    return out;
}

/* "  name [value]", as deep as it stands. */
static void name_of(const struct json *run, int depth, char out[NAME_BYTES])
{
    const struct json *value = json_get(run, "value");
    char *text = value && json_type(value) != JSON_NULL ? json_text(value) : NULL;
    const char *said = json_str(value, text);
    if (str_format(out, NAME_BYTES, "%*s%s%s%.60s%s", 2 * depth, "", json_get_str(run, "task", "?"),
                   said ? " [" : "", said ? said : "", said ? "]" : ""))
        str_copy(out, NAME_BYTES, "?");
    mem_free(text);
}

static void print(struct out *out, const struct json *j, int depth)
{
    char code[24], name[NAME_BYTES], time[DURATION_TEXT_SIZE];
    const char *reason = json_get_str(j, "reason", NULL);
    const char *agent = json_get_str(j, "agentName", json_get_str(j, "agent", NULL));
    const char *message = json_get_str(j, "message", NULL), *job = json_get_str(j, "id", NULL);
    const char *waiting = json_get_str(json_get(j, "waiting"), "message", NULL);
    const char *duration = took(j, time);
    bool exited = json_type(json_get(j, "exitCode")) == JSON_NUMBER;
    (void)str_format(code, sizeof code, "%lld", (long long)json_get_int(j, "exitCode", 0));
    name_of(j, depth, name);
    out_line(out, "task %-16s %s%s%s%s%s%s%s%s%s%s%s%s%s%s%s", name, json_get_str(j, "state", "?"),
             reason ? " " : "", reason ? reason : "", exited ? ", exit code " : "",
             exited ? code : "", agent ? " on " : "", agent ? agent : "", duration ? " in " : "",
             duration ? duration : "", job ? "  job " : "", job ? job : "", message ? ": " : "",
             message ? message : "", waiting ? ", waiting: " : "", waiting ? waiting : "");
}

/* A run, then its children, then the next one: without recursion, however they hang together. */
static void print_all(struct out *out, const struct tree *t)
{
    size_t path[DEPTH_SHOWN + 1];
    int depth = 0;
    path[0] = t->child[0];
    while (depth >= 0) {
        size_t number = path[depth];
        if (number == 0) {
            depth--;
            continue;
        }
        path[depth] = t->next[number];
        print(out, t->runs[number - 1], depth);
        if (t->child[number] && depth < DEPTH_SHOWN) path[++depth] = t->child[number];
    }
}

void run_tree_print(struct out *out, const struct json *runs)
{
    struct tree t = {0};
    size_t count = json_count(runs);
    t.runs = mem_array(count + 1, sizeof *t.runs);
    t.child = mem_array(count + 1, sizeof *t.child);
    t.next = mem_array(count + 1, sizeof *t.next);
    for (const struct json *j = json_first(runs); j; j = json_next(j))
        t.runs[t.count++] = j;
    link_runs(&t);
    print_all(out, &t);
    mem_free(t.runs);
    mem_free(t.child);
    mem_free(t.next);
}
