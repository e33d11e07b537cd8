#include "coordinator/zone_files.h"

#include "base/buf.h"
#include "base/checksum.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/spine.h"
#include "platform/files.h"
#include "platform/paths.h"

#include <string.h>
#include <uv.h>

#define DEPTH_MAX 4
#define FILES_MAX 8192

/* ---- reading ---- */

struct walk {
    struct zones *zones;
    uint64_t sum;
    const char *folder; /* being listed */
    const char *prefix; /* of the names in it: "", "Europe/" */
    int depth, files;
};

static int visit_folder(struct walk *w, const char *folder, const char *prefix);

static void take_zone(struct walk *w, const char *path, const char *name, const struct buf *b)
{
    struct zone *z = NULL;
    struct err e = {0};
    if (zone_parse(b->data, b->len, &z, &e)) {
        log_warn("%s is left out: %s", path, err_text(&e));
        return;
    }
    zones_put(w->zones, name, z);
    uint64_t sum = checksum_add(CHECKSUM_START, name, strlen(name));
    w->sum ^= checksum_add(sum, b->data, b->len);
}

static int visit(const char *entry, void *user)
{
    struct walk *w = user;
    char *name = str_dupf("%s%s", w->prefix, entry);
    char *path = paths_join(w->folder, entry);
    struct buf b;
    buf_init(&b, ZONE_BYTES_MAX);
    bool passed_over = w->depth == 0 && (str_eq(entry, "right") || str_eq(entry, "posix"));
    if (zone_name_valid(name) && !passed_over && w->files++ < FILES_MAX) {
        if (file_read(path, ZONE_BYTES_MAX, &b, NULL) == 0) {
            if (b.len >= 4 && memcmp(b.data, "TZif", 4) == 0) take_zone(w, path, name, &b);
        } else if (w->depth + 1 < DEPTH_MAX) {
            char *below = str_dupf("%s/", name);
            (void)visit_folder(w, path, below);
            mem_free(below);
        }
    }
    buf_fini(&b);
    mem_free(path);
    mem_free(name);
    return 0;
}

static int visit_folder(struct walk *w, const char *folder, const char *prefix)
{
    const char *outer_folder = w->folder, *outer_prefix = w->prefix;
    w->folder = folder;
    w->prefix = prefix;
    w->depth += outer_folder != NULL;
    int rc = dir_list(folder, visit, w, NULL);
    w->depth -= outer_folder != NULL;
    w->folder = outer_folder;
    w->prefix = outer_prefix;
    return rc;
}

/* The table of a folder (NULL: there is none to look into). */
static struct zones *read_folder(const char *folder, uint64_t *sum)
{
    char *missing =
        folder ? str_dupf("%s has no zone files; install tzdata, or name a folder of them with "
                          "'zoneinfo' in coordinator.yaml",
                          folder)
               : mem_strdup("this system has no zone files; name a folder of them with 'zoneinfo' "
                            "in coordinator.yaml");
    struct walk w = {.zones = zones_new(missing)};
    mem_free(missing);
    if (folder) (void)visit_folder(&w, folder, "");
    *sum = w.sum;
    return w.zones;
}

static char *folder_of(const struct config *c)
{
    return c->zoneinfo ? mem_strdup(c->zoneinfo) : paths_zoneinfo();
}

static int check(const struct config *c, const struct zones *t, struct err *e)
{
    struct zone *z;
    if (c->zoneinfo && zones_count(t) == 0)
        return err_set(e, ERR_NOT_FOUND,
                       "zoneinfo: %s has no zone files; it is to be a folder like "
                       "/usr/share/zoneinfo",
                       c->zoneinfo);
    int rc = zones_open(t, c->timezone, &z, e);
    if (rc) return err_wrap(e, "timezone");
    zone_free(z);
    return 0;
}

int zone_files_read(const struct config *c, struct zones **out, uint64_t *sum, struct err *e)
{
    char *folder = folder_of(c);
    struct zones *t = read_folder(folder, sum);
    mem_free(folder);
    int rc = check(c, t, e);
    if (rc)
        zones_free(t);
    else
        *out = t;
    return rc;
}

int zone_files_check(const struct config *c, struct err *e)
{
    struct zones *zones;
    uint64_t sum;
    int rc = zone_files_read(c, &zones, &sum, e);
    if (!rc) zones_free(zones);
    return rc;
}

/* ---- reading again ---- */

struct zone_files {
    struct spine *spine; /* NULL: stopped */
    struct zones *known;
    uint64_t sum;
    uv_timer_t timer;
    uv_work_t work;
    bool busy, again; /* reading; asked to read once more meanwhile */
    bool closed;      /* the timer is */
    /* of the thread that reads, while busy */
    char *folder;
    struct zones *read;
    uint64_t read_sum;
};

static void free_when_idle(struct zone_files *f)
{
    if (f->busy || !f->closed) return;
    zones_free(f->known);
    mem_free(f->folder);
    mem_free(f);
}

static void read_again(uv_work_t *w)
{
    struct zone_files *f = w->data;
    f->read = read_folder(f->folder, &f->read_sum);
}

/* A zone whose file is gone, maybe for the moment in which it is replaced, stays as it was. */
static void hand_over(struct zone_files *f)
{
    struct zones *t = f->read;
    size_t read = zones_count(t);
    zones_keep(t, f->known);
    log_info("time zones were read again: %zu, and %zu that were there before", read,
             zones_count(t) - read);
    f->sum = f->read_sum;
    zones_free(f->known);
    f->known = zones_share(t);
    struct command *c = command_new(CMD_ZONES);
    c->u.zones = zones_share(t);
    spine_push(f->spine, c);
}

static void on_read(uv_work_t *w, int status)
{
    struct zone_files *f = w->data;
    f->busy = false;
    if (f->read && status == 0 && f->spine && f->read_sum != f->sum) hand_over(f);
    zones_free(f->read);
    f->read = NULL;
    if (f->again && f->spine) {
        f->again = false;
        zone_files_again(f);
    }
    free_when_idle(f);
}

void zone_files_again(struct zone_files *f)
{
    if (f->busy) {
        f->again = true;
        return;
    }
    f->busy = uv_queue_work(f->timer.loop, &f->work, read_again, on_read) == 0;
}

static void on_timer(uv_timer_t *t)
{
    zone_files_again(t->data);
}

struct zone_files *zone_files_start(struct uv_loop_s *loop, const struct config *c,
                                    struct spine *spine, struct zones *first, uint64_t sum)
{
    struct zone_files *f = mem_alloc(sizeof *f);
    f->spine = spine;
    f->known = zones_share(first);
    f->sum = sum;
    f->folder = folder_of(c);
    f->timer.data = f->work.data = f;
    uv_timer_init(loop, &f->timer);
    uv_timer_start(&f->timer, on_timer, ZONE_FILES_EVERY_MS, ZONE_FILES_EVERY_MS);
    return f;
}

static void on_closed(uv_handle_t *h)
{
    struct zone_files *f = h->data;
    f->closed = true;
    free_when_idle(f);
}

void zone_files_stop(struct zone_files *f)
{
    if (!f) return;
    f->spine = NULL;
    uv_close((uv_handle_t *)&f->timer, on_closed);
}
