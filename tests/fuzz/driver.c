/*
 * Drives a fuzz target where libFuzzer is not to be had (gcc). It takes libFuzzer's arguments:
 *
 *   fuzz_NAME [-seed=N] [-runs=N] [-max_total_time=SECONDS] [-max_len=BYTES] [FILE|FOLDER]...
 *
 * First every file given is replayed as it is; then, for the given time or number of runs, mutated
 * ones, the sequence depending on the seed alone. Without a limit it only replays.
 *
 * The inputs run in a child process, and each one is first copied into memory shared with it: when
 * the child dies, the parent still has the input that did it, and writes it to ./crash-NAME-SEED.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SEEDS_MAX 4096
#define STACKED_MAX 8

struct input {
    uint8_t *data;
    size_t len;
};

struct current {
    uint64_t runs; /* inputs begun so far */
    size_t len;
    uint8_t data[];
};

struct driver {
    uint64_t seed;
    uint64_t runs;   /* mutated inputs to try; 0: no such limit */
    uint64_t time_s; /* 0: no such limit */
    size_t max_len;
    uint64_t random; /* state of the generator */
    struct input seeds[SEEDS_MAX];
    size_t seed_count;
    struct current *current;
};

/* splitmix64 */
static uint64_t next_random(struct driver *d)
{
    uint64_t z = (d->random += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static size_t below(struct driver *d, size_t limit)
{
    return limit == 0 ? 0 : (size_t)(next_random(d) % limit);
}

static int64_t monotonic_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- Seeds ---- */

static void load_file(struct driver *d, const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(d->max_len);
    size_t len;

    if (f == NULL || data == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(2);
    }
    len = fread(data, 1, d->max_len, f);
    fclose(f);
    if (d->seed_count == SEEDS_MAX) {
        fprintf(stderr, "%s: more than %d seeds\n", path, SEEDS_MAX);
        exit(2);
    }
    d->seeds[d->seed_count].data = data;
    d->seeds[d->seed_count].len = len;
    d->seed_count++;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void load(struct driver *d, const char *path)
{
    struct stat st;
    struct dirent **names = NULL;
    char child[4096];
    int count;

    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
        load_file(d, path);
        return;
    }
    /* Sorted, or the run would depend on the file system and not on the seed alone. */
    count = scandir(path, &names, NULL, by_name);
    if (count < 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(2);
    }
    for (int i = 0; i < count; i++) {
        snprintf(child, sizeof(child), "%s/%s", path, names[i]->d_name);
        if (stat(child, &st) == 0 && S_ISREG(st.st_mode)) load_file(d, child);
        free(names[i]);
    }
    free(names);
}

/* ---- Mutation: in place in d->current, whose data have room for max_len bytes ---- */

static void insert_bytes(struct driver *d, const uint8_t *bytes, size_t len)
{
    struct current *c = d->current;
    size_t at = below(d, c->len + 1);

    if (len > d->max_len - c->len) len = d->max_len - c->len;
    memmove(c->data + at + len, c->data + at, c->len - at);
    if (bytes != NULL)
        memcpy(c->data + at, bytes, len);
    else
        memset(c->data + at, (int)below(d, 256), len);
    c->len += len;
}

static void remove_bytes(struct driver *d)
{
    struct current *c = d->current;
    size_t at = below(d, c->len);
    size_t len = 1 + below(d, c->len - at);

    memmove(c->data + at, c->data + at + len, c->len - at - len);
    c->len -= len;
}

static void put_number(struct driver *d)
{
    static const uint32_t numbers[] = {0,      1,      0x7f,   0x80,       0xff,       0x100,
                                       0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff};
    struct current *c = d->current;
    uint32_t n = numbers[below(d, sizeof(numbers) / sizeof(numbers[0]))];
    size_t at = below(d, c->len);

    for (size_t i = 0; i < 4 && at + i < c->len; i++)
        c->data[at + i] = (uint8_t)(n >> (24 - 8 * i));
}

static void splice(struct driver *d)
{
    const struct input *other = &d->seeds[below(d, d->seed_count)];
    size_t from = below(d, other->len);

    insert_bytes(d, other->data + from, 1 + below(d, other->len - from));
}

static void mutate_once(struct driver *d)
{
    struct current *c = d->current;
    uint8_t copy[64];
    size_t len;

    switch (c->len == 0 ? 5 : below(d, 8)) {
    case 0:
        c->data[below(d, c->len)] ^= (uint8_t)(1u << below(d, 8));
        break;
    case 1:
        c->data[below(d, c->len)] = (uint8_t)below(d, 256);
        break;
    case 2:
        remove_bytes(d);
        break;
    case 3: /* say a piece again */
        len = 1 + below(d, c->len < sizeof(copy) ? c->len : sizeof(copy));
        memcpy(copy, c->data + below(d, c->len - len + 1), len);
        insert_bytes(d, copy, len);
        break;
    case 4:
        put_number(d);
        break;
    case 5:
        insert_bytes(d, NULL, 1 + below(d, 64));
        break;
    case 6:
        if (d->seed_count > 0 && d->seeds[0].len > 0) splice(d);
        break;
    default: /* printable text: most of what we parse is */
        c->data[below(d, c->len)] = (uint8_t)(' ' + below(d, 95));
        break;
    }
}

static void start_from(struct driver *d, size_t index)
{
    struct current *c = d->current;

    c->len = 0;
    if (index < d->seed_count) {
        c->len = d->seeds[index].len;
        memcpy(c->data, d->seeds[index].data, c->len);
    }
}

/* ---- Running ---- */

static void run_current(struct driver *d)
{
    struct current *c = d->current;
    /* A heap copy of the exact size, so that the sanitizer sees one byte too far. */
    uint8_t *exact = malloc(c->len == 0 ? 1 : c->len);

    if (exact == NULL) abort();
    memcpy(exact, c->data, c->len);
    c->runs++;
    LLVMFuzzerTestOneInput(exact, c->len);
    free(exact);
}

static void run_all(struct driver *d)
{
    int64_t end_ms = monotonic_ms() + (int64_t)d->time_s * 1000;
    uint64_t done = 0;

    start_from(d, SIZE_MAX); /* the empty input */
    run_current(d);
    for (size_t i = 0; i < d->seed_count; i++) {
        start_from(d, i);
        run_current(d);
    }
    if (d->runs == 0 && d->time_s == 0) return;
    while ((d->runs == 0 || done < d->runs) && (d->time_s == 0 || monotonic_ms() < end_ms)) {
        start_from(d, below(d, d->seed_count));
        for (size_t n = 1 + below(d, STACKED_MAX); n > 0; n--)
            mutate_once(d);
        run_current(d);
        done++;
    }
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* Runs the inputs in a child. Returns 0, or 1 when the child died of one, which is then kept. */
static int supervise(struct driver *d, const char *name)
{
    char path[256];
    int status = 0;
    pid_t pid = fork();
    FILE *f;

    if (pid == 0) {
        run_all(d);
        exit(0); /* through exit, so that leaks are looked for */
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        perror("fork");
        return 1;
    }
    printf("%s: %" PRIu64 " runs, %zu seeds, seed %" PRIu64 "\n", name, d->current->runs,
           d->seed_count, d->seed);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
    snprintf(path, sizeof(path), "crash-%s-%" PRIu64, name, d->seed);
    f = fopen(path, "wb");
    if (f != NULL) {
        fwrite(d->current->data, 1, d->current->len, f);
        fclose(f);
    }
    fprintf(stderr, "%s: died (status 0x%x) of the input kept in %s\n", name, (unsigned)status,
            path);
    return 1;
}

static bool take_number(const char *arg, const char *name, uint64_t *value)
{
    size_t len = strlen(name);

    if (strncmp(arg, name, len) != 0) return false;
    *value = strtoull(arg + len, NULL, 10);
    return true;
}

int main(int argc, char **argv)
{
    static struct driver driver;
    struct driver *d = &driver;
    uint64_t max_len = 65536;
    int first_path = 1;

    d->seed = (uint64_t)time(NULL);
    for (; first_path < argc && argv[first_path][0] == '-'; first_path++) {
        const char *arg = argv[first_path];

        if (!take_number(arg, "-seed=", &d->seed) && !take_number(arg, "-runs=", &d->runs) &&
            !take_number(arg, "-max_total_time=", &d->time_s) &&
            !take_number(arg, "-max_len=", &max_len)) {
            fprintf(stderr, "unknown option: %s\n", arg);
            return 2;
        }
    }
    d->max_len = (size_t)max_len;
    d->random = d->seed;
    for (int i = first_path; i < argc; i++)
        load(d, argv[i]);
    d->current = mmap(NULL, sizeof(*d->current) + d->max_len, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (d->current == MAP_FAILED) {
        perror("mmap");
        return 2;
    }
    return supervise(d, base_name(argv[0]));
}
