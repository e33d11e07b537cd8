/* Whose a state folder is, by its marker and by its files. */
#include "scratch.h"

#include "platform/file_facts.h"
#include "platform/state_folder.h"

#include <string.h>

static void put(const char *folder, const char *name, const char *text)
{
    char *path = paths_join(folder, name);
    struct err e = {0};
    assert_int_equal(file_write_atomic(path, text, strlen(text), FILE_SECRET, &e), 0);
    mem_free(path);
}

static int count_one(const char *name, void *user)
{
    (void)name;
    ++*(size_t *)user;
    return 0;
}

static size_t count_in(const char *folder)
{
    size_t n = 0;
    assert_int_equal(dir_list(folder, count_one, &n, NULL), 0);
    return n;
}

/* A folder with these files (separated by blanks), seen by a program. */
static const struct sight {
    const char *files;
    const char *marker; /* NULL: none */
    enum state_owner by;
    int rc;
    bool known;
    const char *says; /* in the refusal */
} sights[] = {
    /* nobody's yet */
    {"", NULL, STATE_OF_COORDINATOR, 0, false, NULL},
    {"", NULL, STATE_OF_AGENT, 0, false, NULL},
    {"lock", NULL, STATE_OF_AGENT, 0, false, NULL},
    {"lock port names work", NULL, STATE_OF_COORDINATOR, 0, false, NULL},
    {".cadre-12ab.tmp lock", NULL, STATE_OF_AGENT, 0, false, NULL},
    {"agent.yaml coordinator.yaml", NULL, STATE_OF_AGENT, 0, false, NULL},
    {"ca.pem", NULL, STATE_OF_COORDINATOR, 0, false, NULL},
    /* whole folders of versions without a marker */
    {"ca.key ca.pem server.key server.pem cadre.db output.db admin.token lock names", NULL,
     STATE_OF_COORDINATOR, 0, true, NULL},
    {"agent.key agent.pem ca.pem identity.json journal.db lock work", NULL, STATE_OF_AGENT, 0, true,
     NULL},
    {"identity.json notes.txt", NULL, STATE_OF_AGENT, 0, true, NULL},
    {"ca.key .bashrc", NULL, STATE_OF_COORDINATOR, 0, true, NULL},
    /* half made */
    {"ca.key", NULL, STATE_OF_COORDINATOR, 0, true, NULL},
    {"cadre.db.a1B2c3", NULL, STATE_OF_COORDINATOR, 0, true, NULL},
    {"agent.key.new lock", NULL, STATE_OF_AGENT, 0, true, NULL},
    {"journal.db.damaged", NULL, STATE_OF_AGENT, 0, true, NULL},
    {"lock", "coordinator\n", STATE_OF_COORDINATOR, 0, true, NULL},
    {"", "agent\r\ntext\r\n", STATE_OF_AGENT, 0, true, NULL},
    {"stray.txt", "agent\n", STATE_OF_AGENT, 0, true, NULL},
    /* the other program's, whole or in part */
    {"ca.key ca.pem server.key cadre.db", NULL, STATE_OF_AGENT, ERR_DENIED, false, "coordinator's"},
    {"output.db-wal", NULL, STATE_OF_AGENT, ERR_DENIED, false, "output.db-wal"},
    {"admin.token", NULL, STATE_OF_AGENT, ERR_DENIED, false, "admin.token"},
    {"server.pem", NULL, STATE_OF_AGENT, ERR_DENIED, false, "server.pem"},
    {"identity.json agent.key", NULL, STATE_OF_COORDINATOR, ERR_DENIED, false, "an agent's"},
    {"journal.db", NULL, STATE_OF_COORDINATOR, ERR_DENIED, false, "journal.db"},
    {"agent.key.new", NULL, STATE_OF_COORDINATOR, ERR_DENIED, false, "agent.key.new"},
    {"lock", "agent\n", STATE_OF_COORDINATOR, ERR_DENIED, false, "an agent's"},
    {"", "coordinator\n", STATE_OF_AGENT, ERR_DENIED, false, "coordinator's"},
    {"", "dev\n", STATE_OF_COORDINATOR, ERR_DENIED, false, "dev"},
    /* of both */
    {"ca.key agent.key", NULL, STATE_OF_AGENT, ERR_DENIED, false, "ca.key"},
    {"ca.key agent.key", NULL, STATE_OF_COORDINATOR, ERR_DENIED, false, "agent.key"},
    {"identity.json", "coordinator\n", STATE_OF_COORDINATOR, ERR_DENIED, false, "identity.json"},
    {"cadre.db", "agent\n", STATE_OF_AGENT, ERR_DENIED, false, "cadre.db"},
    /* of neither */
    {"notes.txt", NULL, STATE_OF_COORDINATOR, ERR_DENIED, false, "notes.txt"},
    {"notes.txt", NULL, STATE_OF_AGENT, ERR_DENIED, false, "notes.txt"},
    {".ssh", NULL, STATE_OF_AGENT, ERR_DENIED, false, ".ssh"},
    {"lock .bashrc", NULL, STATE_OF_COORDINATOR, ERR_DENIED, false, ".bashrc"},
    {"ca.pem lock", NULL, STATE_OF_AGENT, ERR_DENIED, false, "ca.pem"},
    {"cadre.dbx", NULL, STATE_OF_AGENT, ERR_DENIED, false, "cadre.dbx"},
    /* a marker that says nothing */
    {"ca.key", "", STATE_OF_COORDINATOR, ERR_CORRUPT, false, "first line"},
    {"", "agents\n", STATE_OF_AGENT, ERR_CORRUPT, false, "newer"},
    {"", " agent\n", STATE_OF_AGENT, ERR_CORRUPT, false, STATE_MARKER},
};

static void look_at(const char *root, size_t number)
{
    const struct sight *s = &sights[number];
    char *name = str_dupf("%zu", number), *folder = paths_join(root, name);
    struct state_look out = {.known = !s->known};
    struct err e = {0};
    struct file_lock *lock = NULL;
    assert_int_equal(dir_make(folder, FILE_SECRET, &e), 0);
    for (const char *at = s->files; *at;) {
        size_t n = strcspn(at, " ");
        char *file = mem_strndup(at, n);
        put(folder, file, "x");
        mem_free(file);
        at += n + (at[n] == ' ');
    }
    if (s->marker) put(folder, STATE_MARKER, s->marker);
    size_t before = count_in(folder);
    int rc = state_folder_look(folder, s->by, &out, &e);
    const char *says = s->says;
    if (rc != s->rc)
        fail_msg("case %zu (%s): %d instead of %d: %s", number, s->files, rc, s->rc, e.msg);
    if (rc == 0) assert_int_equal(out.known, s->known);
    if (rc != 0 && !strstr(e.msg, says)) fail_msg("case %zu: no '%s' in: %s", number, says, e.msg);
    if (rc != 0) {
        assert_int_equal(state_folder_enter(folder, s->by, &lock, &e), s->rc);
        assert_int_equal(count_in(folder), before); /* nothing was written */
    } else {
        assert_int_equal(state_folder_enter(folder, s->by, &lock, &e), 0);
        assert_int_equal(state_folder_look(folder, s->by, &out, &e), 0);
        assert_true(out.known);
        file_lock_release(lock);
    }
    mem_free(folder);
    mem_free(name);
}

static void look__each_content_and_program__knows_or_refuses(void **state)
{
    for (size_t i = 0; i < sizeof sights / sizeof *sights; i++)
        look_at(*state, i);
}

static void enter__new_folder__belongs_to_the_first_alone(void **state)
{
    char *folder = paths_join(*state, "deep/state");
    struct file_lock *lock = NULL, *second = NULL;
    struct state_look look;
    struct err e = {0};
    assert_int_equal(state_folder_enter(folder, STATE_OF_AGENT, &lock, &e), 0);
    assert_int_equal(state_folder_look(folder, STATE_OF_COORDINATOR, &look, &e), ERR_DENIED);
    assert_int_equal(state_folder_enter(folder, STATE_OF_COORDINATOR, &second, &e), ERR_DENIED);
    assert_int_equal(state_folder_enter(folder, STATE_OF_AGENT, &second, &e), ERR_CONFLICT);
    assert_non_null(strstr(e.msg, "another agent"));
    assert_int_equal(state_folder_look(folder, STATE_OF_AGENT, &look, &e), 0);
    assert_true(look.known);
    assert_false(look.done);
    assert_int_equal(state_folder_finish(folder, STATE_OF_AGENT, &e), 0);
    assert_int_equal(state_folder_look(folder, STATE_OF_AGENT, &look, &e), 0);
    assert_true(look.known && look.done);
    file_lock_release(lock);
    assert_int_equal(state_folder_enter(folder, STATE_OF_AGENT, &lock, &e), 0); /* and stays so */
    assert_int_equal(state_folder_look(folder, STATE_OF_AGENT, &look, &e), 0);
    assert_true(look.done);
    file_lock_release(lock);
    mem_free(folder);
}

static void look__file_in_its_place__is_refused(void **state)
{
    struct state_look look;
    struct err e = {0};
    put(*state, "file", "x");
    char *path = paths_join(*state, "file"), *below = paths_join(path, "state");
    assert_int_equal(state_folder_look(path, STATE_OF_AGENT, &look, &e), ERR_DENIED);
    assert_non_null(strstr(e.msg, "not a folder"));
    struct file_lock *lock = NULL;
    assert_int_not_equal(state_folder_enter(below, STATE_OF_AGENT, &lock, &e), 0);
    assert_non_null(strstr(e.msg, "file"));
    mem_free(below);
    mem_free(path);
}

static void owner__folder_of_backups__is_nobodys(void **state)
{
    put(*state, "cadre.db", "x");
    put(*state, "cadre.db.output", "x");
    put(*state, "ca.key", "x");
    assert_int_equal(state_folder_owner(*state), STATE_OWNERS);
    put(*state, "lock", "1");
    assert_int_equal(state_folder_owner(*state), STATE_OF_COORDINATOR);
    put(*state, STATE_MARKER, "agent\n");
    assert_int_equal(state_folder_owner(*state), STATE_OF_AGENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_CASE(look__each_content_and_program__knows_or_refuses),
        SCRATCH_CASE(enter__new_folder__belongs_to_the_first_alone),
        SCRATCH_CASE(look__file_in_its_place__is_refused),
        SCRATCH_CASE(owner__folder_of_backups__is_nobodys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
