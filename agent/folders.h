/* The work folders of attempts: made, removed, and cleaned up after earlier lives of the agent, all
 * by file_work.h and never on the loop.
 *
 * Each folder has a name of its own, MARK.LIFE-N (a spare one: job.LIFE-N): a folder that is still
 * being removed never blocks a new folder, and the name tells which folders earlier lives of the
 * agent left. All calls on the
 * loop's thread; a callback never runs inside the call that caused it. */
#ifndef CADRE_AGENT_FOLDERS_H
#define CADRE_AGENT_FOLDERS_H

#include "agent/file_work.h"
#include "agent/script.h"
#include "agent/spares.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct uv_loop_s;
struct folders;
struct preparation;

/* Makes STATE/work. Folders that earlier lives of the agent left there are removed in the
 * background. */
int folders_new(struct uv_loop_s *loop, const char *state_folder, struct folders **out,
                struct err *e);
/* To be called after the last preparation was abandoned or returned. Removals go on for at most 5
 * s: see file_work_free. NULL is fine. */
void folders_free(struct folders *f);
/* The state of the file work: how many operations hang. */
void folders_look(struct folders *f, struct file_work_state *out);

struct prepared {
    int rc; /* of launch_prepare */
    const struct err *e;
    struct launch *launch; /* with rc 0: the callback takes it over and sets it to zeroes */
    bool late;             /* the preparation took FILE_WORK_HUNG_MS or longer */
};
typedef void prepared_fn(const struct prepared *p, void *user);

/* Makes the attempt's work folder and writes its files. `in` is copied, but for the spec, which is
 * taken over; in->work_folder is chosen here. */
struct preparation *folders_prepare(struct folders *f, const struct launch_input *in, char *spec,
                                    const char *mark, prepared_fn *fn, void *user);
/* The same at once, without a thread, for a job that wants a command alone like one of a moment ago
 * (recent.h), when there is a spare folder. true: *out and *spare are the caller's, to be given to
 * folders_release. */
bool folders_prepare_at_once(struct folders *f, const struct launch_input *in, const char *spec,
                             struct launch *out, struct spare *spare);
/* The caller no longer waits for the preparation: fn is not called, and the files that were made
 * are removed. */
void folders_abandon(struct preparation *p);
/* Removes an attempt's files in the background: its folder, and the file for its standard input.
 * nothing_left: of its processes, with certainty; then a spare folder that it left untouched is
 * kept for another job. Frees the texts of both. */
void folders_release(struct folders *f, struct launch *l, struct spare *spare, bool nothing_left);
/* What a preparation that takes too long is at, in words. true: it looks for what the job named;
 * false: it waits for the agent's own folder, or for a thread. */
bool folders_describe(const struct preparation *p, struct err *out);

/* ---- for trial.c ---- */
/* Lives until the last of its tasks is done. */
struct file_work *folders_work(struct folders *f);
/* A name for a folder in STATE/work that no attempt has; mem_free. */
char *folders_name(struct folders *f, const char *mark);
/* As folders_remove; also after folders_free. */
void folders_remove_later(struct file_work *w, const char *work_folder, bool has_input);

#endif
