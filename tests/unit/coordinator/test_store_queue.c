/* The queue, its order and its counts. */
#include "store_fixture.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- queue ----------------------------------------------------------------------------------- */

static void head_is_the_highest_priority_then_the_oldest(void **state)
{
    struct fixture *f = *state;
    begin(f);
    static const int priorities[] = {0, 5, -1, 5, 0};
    for (int i = 0; i < 5; i++) {
        struct job_row j = plain_job(i + 1, "g");
        j.priority = priorities[i];
        add_job(f, &j);
    }
    static const int order[] = {2, 4, 1, 5, 3};
    for (int i = 0; i < 5; i++) {
        struct queue_head head;
        size_t count;
        OK(store_queue_heads(f->store, &(struct queue_key){"g", 0}, &head, 1, &count, &e));
        assert_int_equal(count, 1);
        assert_int_equal(head.id, job_id(order[i]));
        assert_int_equal(head.priority, priorities[order[i] - 1]);
        assert_int_equal(head.attempt, 1);
        OK(store_job_submitted(f->store, head.id, 1, 1, T0, &e));
    }
    assert_int_equal(head_of(f, "g", 0), 0);
    commit(f);
}

static void heads_are_the_first_few_in_order(void **state)
{
    struct fixture *f = *state;
    struct queue_head heads[4];
    size_t count = 9;
    OK(store_queue_heads(f->store, &(struct queue_key){"g", 0}, heads, 4, &count, &e));
    assert_int_equal(count, 0);
    begin(f);
    for (int i = 1; i <= 5; i++) {
        struct job_row j = plain_job(i, "g");
        j.priority = i == 3;
        add_job(f, &j);
    }
    add_plain(f, 6, "h");
    commit(f);
    OK(store_queue_heads(f->store, &(struct queue_key){"g", 0}, heads, 4, &count, &e));
    assert_int_equal(count, 4);
    static const int order[] = {3, 1, 2, 4};
    for (int i = 0; i < 4; i++)
        assert_int_equal(heads[i].id, job_id(order[i]));
    assert_int_equal(heads[0].priority, 1);
    assert_int_equal(heads[3].attempt, 1);
    OK(store_queue_heads(f->store, &(struct queue_key){"h", 0}, heads, 4, &count, &e));
    assert_int_equal(count, 1);
}

struct seen_jobs {
    int64_t ids[8];
    size_t count, most;
};

static int note_job(struct job_row *j, const char *spec, void *user)
{
    struct seen_jobs *s = user;
    assert_string_equal(spec, "{\"command\":[\"true\"]}");
    s->ids[s->count++] = j->id;
    return s->count == s->most;
}

static void read_jobs(struct fixture *f, const struct queue_head *after, size_t most,
                      struct seen_jobs *seen)
{
    struct queue_part p = {.queue = {"g", 0}, .after = after, .most = most};
    seen->count = 0;
    OK(store_queue_read(f->store, &p, note_job, seen, &e));
}

static void jobs_behind_one_are_read_in_order(void **state)
{
    struct fixture *f = *state;
    struct seen_jobs seen = {.most = 8};
    read_jobs(f, NULL, 4, &seen);
    assert_int_equal(seen.count, 0);
    begin(f);
    static const int priorities[] = {0, 5, -1, 5, 0, 0};
    for (int i = 0; i < 6; i++) {
        struct job_row j = plain_job(i + 1, i == 5 ? "h" : "g");
        j.priority = priorities[i];
        add_job(f, &j);
    }
    commit(f);
    static const int order[] = {2, 4, 1, 5, 3};
    read_jobs(f, NULL, 9, &seen);
    assert_int_equal(seen.count, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(seen.ids[i], job_id(order[i]));
    read_jobs(f, &(struct queue_head){.id = job_id(2), .priority = 5}, 3, &seen);
    assert_int_equal(seen.count, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(seen.ids[i], job_id(order[i + 1]));
    read_jobs(f, &(struct queue_head){.id = job_id(3), .priority = -1}, 3, &seen);
    assert_int_equal(seen.count, 0);
    seen.most = 1;
    read_jobs(f, &(struct queue_head){.id = job_id(2), .priority = 5}, 3, &seen);
    assert_int_equal(seen.count, 1);
}

static int take_row(struct job_row *j, const char *spec, void *user)
{
    assert_non_null(spec);
    *(struct job_row *)user = *j;
    *j = (struct job_row){0};
    return 0;
}

/* What the statement for queued jobs leaves out is what every one of them has, also one that was
 * handed out, started and tried again. */
static void job_of_a_queue_is_what_it_is_alone(void **state)
{
    struct fixture *f = *state;
    struct job_row j = plain_job(1, "g"), a, b;
    j.kind = JOB_TRIGGER;
    j.name = j.flow = j.execution = j.task = "x";
    j.requires_id = 7;
    j.priority = j.queue_timeout_ms = j.timeout_ms = j.lease_ms = 3;
    j.kill_grace_ms = j.output_limit = j.submitter = 4;
    j.retry = (struct retry){RETRY_EXPONENTIAL, 10, 20, 1.5, 3, 40};
    j.allow_failure = true;
    begin(f);
    add_job(f, &j);
    commit(f);
    begin(f);
    OK(store_job_submitted(f->store, j.id, 1, 1, T0, &e));
    OK(store_job_running(f->store, j.id, T0 + 1, &e));
    OK(store_job_killing(f->store, j.id, REASON_TIMEOUT, &e));
    OK(store_job_retrying(f->store, j.id, 2, T0 + 5, &e));
    commit(f);
    begin(f);
    OK(store_job_requeue(f->store, j.id, 2, &e));
    commit(f);
    OK(store_jobs_read(f->store, &j.id, 1, take_row, &a, &e));
    struct queue_part p = {.queue = {"g", 7}, .most = 2};
    OK(store_queue_read(f->store, &p, take_row, &b, &e));
#define SAME(field) assert_int_equal(a.field, b.field)
#define SAME_TEXT(field) assert_true(str_eq(a.field, b.field))
    SAME(id), SAME(kind), SAME(fallback), SAME(requires_id), SAME(priority), SAME(state);
    SAME(reason), SAME(exited), SAME(exit_code), SAME(agent), SAME(attempt), SAME(created_ms);
    SAME(submitted_ms), SAME(started_ms), SAME(ended_ms), SAME(first_started_ms);
    SAME(retry_at_ms), SAME(queue_timeout_ms), SAME(timeout_ms), SAME(lease_ms);
    SAME(kill_grace_ms), SAME(truncated), SAME(submitter), SAME(output_limit);
    SAME(allow_failure), SAME(retry.type), SAME(retry.interval_ms), SAME(retry.max_interval_ms);
    SAME(retry.max_attempts), SAME(retry.max_duration_ms);
    assert_true(a.retry.delay_factor == b.retry.delay_factor);
    SAME_TEXT(ns), SAME_TEXT(name), SAME_TEXT(flow), SAME_TEXT(execution), SAME_TEXT(task);
    SAME_TEXT(group), SAME_TEXT(unique_key);
    assert_null(a.message);
    assert_null(b.message);
#undef SAME
#undef SAME_TEXT
    job_row_fini(&a);
    job_row_fini(&b);
}

struct seen_tried {
    char text[200];
};

static int note_tried(const struct tried_row *t, const struct job_row *j, void *user)
{
    struct seen_tried *s = user;
    size_t len = strlen(s->text);
    OK(str_format(s->text + len, sizeof s->text - len, "%d:%d %s on %d p%d %s; ",
                  (int)(t->job == job_id(2)) + 1, (int)t->place, t->message ? t->message : "-",
                  (int)t->agent, (int)j->priority, j->group));
    assert_int_equal(t->job, j->id);
    assert_int_equal(j->attempt, 1);
    assert_int_equal(j->state, JOB_CREATED);
    return 0;
}

/* They are in memory; only the rest is asked for. */
static void tried_jobs_are_no_heads_until_their_attempt_is_over(void **state)
{
    struct fixture *f = *state;
    struct queue_head heads[4];
    size_t count;
    struct seen_tried seen = {""};
    begin(f);
    for (int i = 1; i <= 3; i++) {
        struct job_row j = plain_job(i, "g");
        j.priority = i;
        add_job(f, &j);
    }
    struct tried_row t = {.job = job_id(2), .place = 1, .agent = 7, .message = "no room"};
    OK(store_tried_add(f->store, &t, &e));
    FAILS(ERR_EXISTS, store_tried_add(f->store, &t, &e));
    t = (struct tried_row){.job = job_id(2), .place = 2, .agent = 5};
    OK(store_tried_add(f->store, &t, &e));
    t = (struct tried_row){.job = job_id(1), .place = 1, .agent = 9, .message = "x"};
    OK(store_tried_add(f->store, &t, &e));
    commit(f);
    OK(store_queue_heads(f->store, &(struct queue_key){"g", 0}, heads, 4, &count, &e));
    assert_int_equal(count, 1);
    assert_int_equal(heads[0].id, job_id(3));
    struct seen_jobs untried = {.most = 8};
    read_jobs(f, NULL, 4, &untried);
    assert_int_equal(untried.count, 1);
    OK(store_each_tried(f->store, note_tried, &seen, &e));
    assert_string_equal(seen.text, "1:1 x on 9 p1 g; 2:1 no room on 7 p2 g; 2:2 - on 5 p2 g; ");
    begin(f);
    OK(store_tried_clear(f->store, job_id(2), &e));
    OK(store_tried_clear(f->store, job_id(3), &e));
    commit(f);
    OK(store_queue_heads(f->store, &(struct queue_key){"g", 0}, heads, 4, &count, &e));
    assert_int_equal(count, 2);
    assert_int_equal(heads[1].id, job_id(2));
    FAILS(ERR_INTERNAL, store_tried_clear(f->store, job_id(1), &e));
}

static void queues_of_groups_and_requires_are_apart(void **state)
{
    struct fixture *f = *state;
    begin(f);
    struct job_row j = plain_job(1, NULL);
    add_job(f, &j);
    j = plain_job(2, "g");
    add_job(f, &j);
    j = plain_job(3, "g");
    j.requires_id = 9;
    add_job(f, &j);
    commit(f);
    assert_int_equal(head_of(f, NULL, 0), job_id(1));
    assert_int_equal(head_of(f, "g", 0), job_id(2));
    assert_int_equal(head_of(f, "g", 9), job_id(3));
    assert_int_equal(head_of(f, "h", 0), 0);
    assert_int_equal(head_of(f, NULL, 9), 0);
}

static void set_group_moves_the_job_to_the_other_queue(void **state)
{
    struct fixture *f = *state;
    begin(f);
    add_plain(f, 1, "g");
    OK(store_job_set_group(f->store, job_id(1), NULL, &e));
    commit(f);
    assert_int_equal(head_of(f, "g", 0), 0);
    assert_int_equal(head_of(f, NULL, 0), job_id(1));
}

static void same_requires_are_interned_once(void **state)
{
    struct fixture *f = *state;
    int64_t a, b, c;
    begin(f);
    OK(store_requires_intern(f->store, "{\"os\":\"linux\"}", &a, &e));
    OK(store_requires_intern(f->store, "{\"os\":\"windows\"}", &b, &e));
    OK(store_requires_intern(f->store, "{\"os\":\"linux\"}", &c, &e));
    commit(f);
    assert_int_equal(a, c);
    assert_int_not_equal(a, b);
    assert_int_not_equal(a, 0);
    char *text;
    OK(store_requires_text(f->store, b, &text, &e));
    assert_string_equal(text, "{\"os\":\"windows\"}");
    mem_free(text);
    FAILS(ERR_NOT_FOUND, store_requires_text(f->store, 12345, &text, &e));
}

struct queues {
    int count;
    int64_t of_g0, of_g9, of_default;
    int most;
};

static int note_queue(const struct queue_key *k, int64_t count, void *user)
{
    struct queues *c = user;
    c->count++;
    bool is_default = str_is_default_group(k->group);
    if (is_default) c->of_default = count;
    if (!is_default && k->requires_id == 0) c->of_g0 = count;
    if (!is_default && k->requires_id == 9) c->of_g9 = count;
    return c->most && c->count == c->most;
}

static void queues_tell_what_is_queued_also_within_a_transaction(void **state)
{
    struct fixture *f = *state;
    begin(f);
    for (int i = 1; i <= 4; i++)
        add_plain(f, i, "g");
    struct job_row j = plain_job(5, "g");
    j.requires_id = 9;
    add_job(f, &j);
    add_plain(f, 6, NULL);
    add_plain(f, 7, "done");
    OK(store_job_submitted(f->store, job_id(1), 1, 1, T0, &e));
    OK(store_job_submitted(f->store, job_id(7), 1, 1, T0, &e));
    struct queues c = {0};
    OK(store_each_queue(f->store, note_queue, &c, &e));
    assert_int_equal(c.count, 3);
    assert_int_equal(c.of_g0, 3);
    assert_int_equal(c.of_g9, 1);
    assert_int_equal(c.of_default, 1);
    OK(store_job_requeue(f->store, job_id(1), 1, &e));
    commit(f);
    c = (struct queues){0};
    OK(store_each_queue(f->store, note_queue, &c, &e));
    assert_int_equal(c.of_g0, 4);
    c = (struct queues){.most = 1};
    OK(store_each_queue(f->store, note_queue, &c, &e));
    assert_int_equal(c.count, 1);
}

static int64_t before(struct fixture *f, const char *group, int64_t priority, int n, int64_t most)
{
    struct job_row j = plain_job(n, group);
    j.priority = priority;
    int64_t count;
    OK(store_queue_position(f->store, &j, most, &count, &e));
    return count;
}

static void position_counts_those_before_up_to_a_bound(void **state)
{
    struct fixture *f = *state;
    begin(f);
    for (int i = 1; i <= 30; i++) {
        struct job_row j = plain_job(i, "g");
        j.requires_id = i % 3;
        j.priority = i % 2;
        add_job(f, &j);
    }
    add_plain(f, 99, "h");
    commit(f);
    /* of the 15 with priority 1, the odd ones, 7 are older than number 15; all stand before 16 */
    assert_int_equal(before(f, "g", 1, 15, 1000), 7);
    assert_int_equal(before(f, "g", 0, 16, 1000), 15 + 7);
    assert_int_equal(before(f, "g", 0, 16, 10), 10);
    assert_int_equal(before(f, "g", 5, 1, 10), 0);
    assert_int_equal(before(f, NULL, 0, 50, 10), 0);
}

static void list_gives_the_first_of_a_group(void **state)
{
    struct fixture *f = *state;
    begin(f);
    for (int i = 1; i <= 50; i++) {
        struct job_row j = plain_job(i, i % 5 ? "g" : "h");
        j.requires_id = i % 3;
        j.priority = i % 4;
        add_job(f, &j);
    }
    commit(f);
    int seen[51] = {0};
    int64_t ids[7];
    size_t count, total = 0;
    begin(f);
    do {
        OK(store_queue_list(f->store, "g", ids, 7, &count, &e));
        for (size_t i = 0; i < count; i++) {
            for (int n = 1; n <= 50; n++)
                seen[n] += ids[i] == job_id(n);
            OK(store_job_submitted(f->store, ids[i], 1, 1, T0, &e));
        }
        total += count;
    } while (count > 0);
    commit(f);
    assert_int_equal(total, 40);
    for (int n = 1; n <= 50; n++)
        assert_int_equal(seen[n], n % 5 ? 1 : 0);
}

struct open_jobs {
    int count;
    int64_t ids[10];
};

static int note_open(const struct job_row *j, void *user)
{
    struct open_jobs *o = user;
    o->ids[o->count++] = j->id;
    return o->count == 10;
}

static void open_jobs_are_those_that_need_attention(void **state)
{
    struct fixture *f = *state;
    begin(f);
    for (int i = 1; i <= 5; i++)
        add_plain(f, i, "g"); /* 1 stays plainly queued */
    OK(store_job_submitted(f->store, job_id(2), 1, 1, T0, &e));
    OK(store_job_submitted(f->store, job_id(3), 1, 1, T0, &e));
    OK(store_job_running(f->store, job_id(3), T0, &e));
    OK(store_job_submitted(f->store, job_id(4), 1, 1, T0, &e));
    OK(store_job_retrying(f->store, job_id(4), 2, T0, &e));
    struct job_end end = {.state = JOB_CANCELLED, .ended_ms = T0};
    OK(store_job_finish(f->store, job_id(5), &end, &e));
    struct job_row j = plain_job(6, "g");
    j.queue_timeout_ms = 1000;
    add_job(f, &j);
    j = plain_job(7, "g");
    j.fallback = FALLBACK_FAIL;
    add_job(f, &j);
    commit(f);
    struct open_jobs o = {0};
    OK(store_each_open_job(f->store, note_open, &o, &e));
    assert_int_equal(o.count, 5);
    bool found[8] = {0};
    for (int i = 0; i < o.count; i++) {
        for (int n = 1; n <= 7; n++)
            found[n] |= o.ids[i] == job_id(n);
    }
    static const bool wanted[8] = {false, false, true, true, true, false, true, true};
    assert_memory_equal(found, wanted, sizeof wanted);
}

/* One random legal-looking step of job `id`. */
static int step(struct store *s, struct rng *r, const struct job_row *j, const char *group,
                struct err *e)
{
    struct job_end end = {.state = (enum job_state)(JOB_SUCCESS + rng_below(r, 5)), .ended_ms = T0};
    bool assigned = job_is_assigned(j->state);
    if (job_is_final(j->state)) return 0;
    switch (rng_below(r, 7)) {
    case 0:
        return store_job_requeue(s, j->id, 1, e);
    case 1:
        return store_job_retrying(s, j->id, 2, T0, e);
    case 2:
        return assigned ? store_job_killing(s, j->id, REASON_TIMEOUT, e) : 0;
    case 3:
        return assigned ? store_job_running(s, j->id, T0, e) : 0;
    case 4:
        return store_job_set_group(s, j->id, group, e);
    case 5:
        return store_job_finish(s, j->id, &end, e);
    default:
        return store_job_submitted(s, j->id, 1, 1, T0, e);
    }
}

static void counts_follow_thousands_of_random_steps(void **state)
{
    struct fixture *f = *state;
    const char *given = getenv("CADRE_SEED");
    int64_t seed = time(NULL);
    if (given) OK(str_int64(given, &seed));
    printf("seed %lld\n", (long long)seed);
    struct rng r;
    rng_init(&r, (uint64_t)seed);
    static const char *const groups[] = {NULL, "a", "b"};
    int jobs = 0, found = 0;
    for (int batch = 0; batch < 100; batch++) {
        begin(f);
        for (int i = 0; i < 50; i++) {
            const char *group = groups[rng_below(&r, 3)];
            if (rng_below(&r, 4) == 0) {
                struct job_row j = plain_job(++jobs, group);
                j.requires_id = (int64_t)rng_below(&r, 3);
                j.fallback = (enum fallback)rng_below(&r, 2);
                add_job(f, &j);
            }
            struct job_row j;
            int rc = store_job_get(f->store, job_id(1 + (int)rng_below(&r, 200)), &j, NULL);
            if (rc == ERR_NOT_FOUND) continue;
            assert_int_equal(rc, 0);
            found++;
            OK(step(f->store, &r, &j, group, &e));
            job_row_fini(&j);
        }
        if (rng_below(&r, 5) == 0) {
            store_rollback(f->store);
        } else {
            commit(f);
        }
    }
    assert_true(found > 100);
    check_counts(f);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(head_is_the_highest_priority_then_the_oldest),
        CASE(heads_are_the_first_few_in_order),
        CASE(jobs_behind_one_are_read_in_order),
        CASE(job_of_a_queue_is_what_it_is_alone),
        CASE(tried_jobs_are_no_heads_until_their_attempt_is_over),
        CASE(queues_of_groups_and_requires_are_apart),
        CASE(set_group_moves_the_job_to_the_other_queue),
        CASE(same_requires_are_interned_once),
        CASE(queues_tell_what_is_queued_also_within_a_transaction),
        CASE(position_counts_those_before_up_to_a_bound),
        CASE(list_gives_the_first_of_a_group),
        CASE(open_jobs_are_those_that_need_attention),
        CASE(counts_follow_thousands_of_random_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
