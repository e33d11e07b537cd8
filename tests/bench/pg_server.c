/* The PostgreSQL that bench_peers starts. See pg_server.h. */
#include "tests/bench/pg_server.h"

#include "base/mem.h"
#include "base/str.h"
#include "tests/bench/bench.h"
#include "tests/bench/peer.h"

#include <glob.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define START_S 60
#define WORDS 16 /* of a command */

/* The newest that Debian has installed, or what PATH has. */
static bool find_programs(struct pg_server *s)
{
    glob_t g;
    char path[600];
    const char *all = getenv("PATH");
    bool found = glob("/usr/lib/postgresql/*/bin/postgres", 0, NULL, &g) == 0;
    if (found) str_format(path, sizeof path, "%s", g.gl_pathv[g.gl_pathc - 1]);
    globfree(&g);
    char *copy = mem_strdup(all ? all : ""), *rest = copy;
    for (char *folder; !found && (folder = strsep(&rest, ":"));) {
        snprintf(path, sizeof path, "%s/postgres", folder);
        found = folder[0] == '/' && access(path, X_OK) == 0;
    }
    mem_free(copy);
    if (!found) {
        str_format(s->why, sizeof s->why, "there is no PostgreSQL (apt-get install postgresql)");
        return false;
    }
    *strrchr(path, '/') = 0;
    str_format(s->programs, sizeof s->programs, "%s", path);
    return true;
}

/* The words of a command, run as the server's user. Returns the pid. */
static int spawn(struct pg_server *s, const char *name, const char *const *words)
{
    static const char *const as_postgres[] = {"setpriv", "--reuid=postgres", "--regid=postgres",
                                              "--clear-groups"};
    char *argv[WORDS + 5], program[600];
    size_t n = 0;
    for (size_t i = 0; geteuid() == 0 && i < 4; i++)
        argv[n++] = (char *)(uintptr_t)as_postgres[i];
    snprintf(program, sizeof program, "%s/%s", s->programs, words[0]);
    argv[n++] = program;
    for (size_t i = 1; words[i]; i++)
        argv[n++] = (char *)(uintptr_t)words[i];
    argv[n] = NULL;
    return bench_spawn(s->log, name, argv, NULL);
}

/* Says which it is: "with PostgreSQL 15.20". */
static void tell_version(struct pg_server *s)
{
    char program[600], line[128] = "", flag[] = "-V", *version;
    int out;
    double cpu_s;
    snprintf(program, sizeof program, "%s/postgres", s->programs);
    char *argv[] = {program, flag, NULL};
    int pid = bench_spawn(s->log, "version", argv, &out);
    ssize_t n = read(out, line, sizeof line - 1);
    close(out);
    (void)bench_wait(pid, &cpu_s);
    if (n <= 0 || !(version = strstr(line, ") "))) return; /* postgres (PostgreSQL) 15.20 (...) */
    printf("with PostgreSQL %.*s\n", (int)strcspn(version + 2, " \n"), version + 2);
}

static bool succeeds(int pid)
{
    double cpu_s;
    return bench_wait(pid, &cpu_s) == 0;
}

static bool run(struct pg_server *s, const char *name, const char *const *words)
{
    if (succeeds(spawn(s, name, words))) return true;
    snprintf(s->why, sizeof s->why, "%s failed; its log is %.400s/%s.log", words[0], s->log, name);
    return false;
}

/* A folder that the user postgres owns and reaches, when we are root. */
static bool make_folder(struct pg_server *s)
{
    if (mkdir(s->folder, 0700) != 0) {
        str_format(s->why, sizeof s->why, "the folder %s cannot be made", s->folder);
        return false;
    }
    if (geteuid() != 0) return true;
    struct passwd *user = getpwnam("postgres");
    if (!user) {
        str_format(s->why, sizeof s->why,
                   "PostgreSQL does not run as root, and there is no user postgres");
        return false;
    }
    char in[560];
    snprintf(in, sizeof in, "%s", s->folder);
    bool reached = chown(s->folder, user->pw_uid, user->pw_gid) == 0;
    char *argv[] = {(char[]){"setpriv"},
                    (char[]){"--reuid=postgres"},
                    (char[]){"--regid=postgres"},
                    (char[]){"--clear-groups"},
                    (char[]){"test"},
                    (char[]){"-x"},
                    in,
                    NULL};
    reached = reached && succeeds(bench_spawn(s->log, "reached", argv, NULL));
    if (!reached) str_format(s->why, sizeof s->why, "the user postgres cannot reach %s", s->folder);
    return reached;
}

static bool configure(struct pg_server *s)
{
    char path[600], text[1024];
    snprintf(path, sizeof path, "%s/data/postgresql.conf", s->folder);
    int len = snprintf(text, sizeof text,
                       "listen_addresses = '127.0.0.1'\nport = %d\n"
                       "unix_socket_directories = '%s'\nmax_connections = 300\n"
                       "dynamic_shared_memory_type = mmap\n",
                       s->port, s->folder);
    FILE *f = fopen(path, "a"); /* it stays the user's who made it */
    bool written = f && fwrite(text, 1, (size_t)len, f) == (size_t)len;
    if (f) written = fclose(f) == 0 && written;
    if (!written) str_format(s->why, sizeof s->why, "%s cannot be written", path);
    return written;
}

static bool takes_connections(struct pg_server *s)
{
    char uri[128];
    pg_server_uri(s, "postgres", uri, sizeof uri);
    const char *const words[] = {"pg_isready", "-q", "-d", uri, NULL};
    for (int i = 0; i < START_S * 20 && !bench_has_ended(s->pid); i++) {
        if (succeeds(spawn(s, "isready", words))) return true;
        usleep(50000);
    }
    snprintf(s->why, sizeof s->why, "PostgreSQL did not start; its log is %.400s/postgres.log",
             s->log);
    return false;
}

bool pg_server_start(struct pg_server *s, const char *folder)
{
    char data[600];
    *s = (struct pg_server){0};
    snprintf(s->folder, sizeof s->folder, "%s/postgresql", folder);
    snprintf(s->log, sizeof s->log, "%s", folder);
    snprintf(data, sizeof data, "%s/data", s->folder);
    if (chmod(folder, 0711) != 0 || !find_programs(s) || !make_folder(s)) return false;
    const char *const initdb[] = {"initdb", "-D",         data, "-U",   "postgres", "-A",
                                  "trust",  "--locale=C", "-E", "UTF8", NULL};
    if (!run(s, "initdb", initdb)) return false;
    s->port = peer_free_port();
    if (!configure(s)) return false;
    const char *const postgres[] = {"postgres", "-D", data, NULL};
    s->pid = spawn(s, "postgres", postgres);
    bench_end_by_int(s->pid); /* SIGTERM would wait for clients */
    if (!takes_connections(s)) {
        pg_server_stop(s);
        return false;
    }
    tell_version(s);
    return true;
}

bool pg_server_database(struct pg_server *s, const char *name)
{
    char uri[128], sql[128];
    pg_server_uri(s, "postgres", uri, sizeof uri);
    snprintf(sql, sizeof sql, "CREATE DATABASE \"%s\"", name);
    const char *const words[] = {"psql", "-X", "-q", "-d", uri, "-c", sql, NULL};
    return run(s, "database", words);
}

void pg_server_uri(const struct pg_server *s, const char *database, char *out, size_t size)
{
    snprintf(out, size, "postgresql://postgres@127.0.0.1:%d/%s", s->port, database);
}

double pg_server_cpu_s(const struct pg_server *s)
{
    char path[64], list[4096], *rest = list;
    struct usage u;
    if (s->pid <= 0) return 0;
    bench_usage(s->pid, &u);
    double all = u.cpu_s + u.children_cpu_s; /* the latter: connections that have ended */
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", s->pid, s->pid);
    FILE *f = fopen(path, "r");
    list[f ? fread(list, 1, sizeof list - 1, f) : 0] = 0;
    if (f) fclose(f);
    for (int pid; (pid = (int)strtol(rest, &rest, 10)) > 0;) {
        bench_usage(pid, &u);
        all += u.cpu_s;
    }
    return all;
}

void pg_server_stop(struct pg_server *s)
{
    if (s->pid <= 0) return;
    bench_end(s->pid);
    s->pid = 0;
}
