/* See leash.h. */
#include "cli/leash.h"

#include "base/mem.h"
#include "base/str.h"

static void send_cancel_aside(struct leash *l)
{
    char *target = cli_path(l->collection, l->id, "cancel");
    client_post_aside(l->cli->client, target);
    mem_free(target);
}

/* Called in the loop, so the sentences go to standard error without waiting for its reader. */
static int on_stop(int count, int signal, void *user)
{
    struct leash *l = user;
    l->stops = count;
    if (count == 1) l->signal = signal;
    if (count > 1 || l->mode == LEASH_WATCH) return 1;
    if (!l->id) {
        /* Only the answer tells which job it is; without a request there is none. */
        if (!client_call_sent(l->cli->client)) return 1;
        cli_note_now(l->cli,
                     "cadre: the %s was sent, so its id is waited for%s; press Ctrl-C again to "
                     "leave at once",
                     l->what, l->mode == LEASH_KEEP ? "" : " in order to cancel it");
        return 0;
    }
    if (l->mode == LEASH_KEEP) return 1;
    send_cancel_aside(l);
    cli_note_now(l->cli, "cadre: cancelling %s %s; press Ctrl-C again to leave without waiting",
                 l->what, l->id);
    return 0;
}

void leash_hold(struct leash *l, struct client *c)
{
    client_on_stop(c, on_stop, l);
    l->cli->out.write = client_write;
    l->cli->out.user = c;
}

void leash_take(struct leash *l, const char *id)
{
    l->id = id;
    if (l->stops > 0 && l->mode == LEASH_CANCEL) send_cancel_aside(l);
}

bool leash_cancelled(const struct leash *l)
{
    return l->stops > 0 && l->mode == LEASH_CANCEL;
}

static void tell_kept(const struct leash *l)
{
    cli_note(l->cli, "cadre: the %s %s goes on; follow it with 'cadre %s logs --follow %s'",
             l->what, l->id, l->what, l->id);
}

static void tell_uncancelled(const struct leash *l)
{
    cli_note(l->cli,
             "cadre: the coordinator did not answer the cancel of %s %s; cancel it with 'cadre %s "
             "cancel %s'",
             l->what, l->id, l->what, l->id);
}

int leash_left(struct leash *l)
{
    int code = 128 + l->signal;
    out_drop(&l->cli->out);
    if (!l->id && !client_call_sent(l->cli->client)) {
        cli_note(l->cli, "cadre: interrupted before the %s was submitted", l->what);
        return l->mode == LEASH_CANCEL ? EXIT_CANCELLED : code;
    }
    if (!l->id)
        cli_note(l->cli,
                 "cadre: the coordinator has not answered; the %s may have been submitted: see "
                 "'cadre %s list'",
                 l->what, l->what);
    else if (l->mode == LEASH_KEEP)
        tell_kept(l);
    else if (!client_aside_answered(l->cli->client))
        tell_uncancelled(l);
    else
        cli_note(l->cli, "cadre: stopped following; see the %s with 'cadre %s show %s'", l->what,
                 l->what, l->id);
    return code;
}

/* "the job ID is cancelled", or why it is not; mem_free. */
static char *cancel_now(struct leash *l)
{
    struct response r;
    struct err e = {0};
    char *target = cli_path(l->collection, l->id, "cancel");
    const struct request request = {.method = "POST", .target = target, .repeat = true};
    int rc = client_call(l->cli->client, &request, &r, &e);
    response_fini(&r);
    mem_free(target);
    if (rc == 0) return str_dupf("the %s %s is cancelled", l->what, l->id);
    if (rc == ERR_CONFLICT) return str_dupf("the %s %s has ended", l->what, l->id);
    return str_dupf("the %s %s could not be cancelled (%s): use 'cadre %s cancel %s'", l->what,
                    l->id, err_text(&e), l->what, l->id);
}

int leash_lost(struct leash *l, bool ended)
{
    struct out *out = &l->cli->out;
    out->told = true;
    if (l->mode == LEASH_WATCH) return cli_fail(l->cli, EXIT_CADRE, &out->lost);
    bool cancel = l->mode == LEASH_CANCEL && (out->lost.code == ERR_CLOSED || l->stops > 0);
    char *then;
    if (ended)
        then = str_dupf("the %s %s has ended", l->what, l->id);
    else if (cancel)
        then = cancel_now(l);
    else
        then = str_dupf("the %s %s goes on; follow it with 'cadre %s logs --follow %s'", l->what,
                        l->id, l->what, l->id);
    struct err e = {0};
    err_set(&e, out->lost.code, "%s; %s", err_text(&out->lost), then);
    mem_free(then);
    return cli_fail(l->cli, EXIT_CADRE, &e);
}

int leash_cut(struct leash *l, const struct err *e)
{
    (void)cli_fail(l->cli, EXIT_CADRE, e);
    bool away = e->code != ERR_NOT_FOUND && e->code != ERR_DENIED && e->code != ERR_INVALID;
    if (leash_cancelled(l) && !client_aside_answered(l->cli->client))
        tell_uncancelled(l);
    else if (away)
        tell_kept(l);
    return EXIT_CADRE;
}
