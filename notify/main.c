/* cadre-notify: delivers what the coordinator has to say, one order a line. */
#include "base/buf.h"
#include "base/help.h"
#include "base/str.h"
#include "notify/desk.h"
#include "notify/transfer.h"
#include "platform/complain.h"
#include "platform/service.h"
#include "platform/streams.h"

#include "cadre_version.h"

#include <stdlib.h>
#include <string.h>

#define PROGRAM "cadre-notify"
#define EXIT_USAGE 2

static const struct help_command commands[] = {
    {.name = "run",
     .arguments = "",
     .summary = "carry out the orders that come on standard input",
     .details = "The coordinator starts it. One JSON object a line says what goes where; each is "
                "answered by a line on standard output.",
     .example = PROGRAM " run"},
    {.name = "version",
     .arguments = "",
     .summary = "print the version",
     .example = PROGRAM " version"},
};

static const struct help_program program = {
    .name = PROGRAM,
    .summary = PROGRAM " takes messages of a Cadre coordinator to web hooks, mail and commands.",
    .first = PROGRAM " run   what the coordinator starts",
    .commands = commands,
    .command_count = sizeof commands / sizeof *commands,
};

static int complain(int code, const struct err *e)
{
    complain_as(PROGRAM, err_text(e));
    return code;
}

static int print(const char *text)
{
    struct err e = {0};
    return fd_write_all(1, text, strlen(text), &e) ? complain(EXIT_FAILURE, &e) : EXIT_SUCCESS;
}

static int run(void)
{
    struct err e = {0};
    int rc = transfer_init(&e);
    if (!rc) {
        rc = desk_run(&e);
        transfer_fini();
    }
    return rc ? complain(EXIT_FAILURE, &e) : EXIT_SUCCESS;
}

static int help(int argc, char **argv)
{
    struct err e = {0};
    struct buf text;
    int rc = 0;
    buf_init(&text, 256 * 1024);
    if (str_eq(argv[0], "help"))
        rc = help_topic(&program, argc - 1, argv + 1, &text, &e);
    else if (!help_is_asked(&program, argc, argv, &text, &e))
        rc = help_unknown(&program, argc, argv, &e);
    int code = rc ? complain(EXIT_USAGE, &e) : print(text.data);
    buf_fini(&text);
    return code;
}

static int no_command(void)
{
    struct buf text;
    struct err e = {0};
    buf_init(&text, 64 * 1024);
    help_overview(&program, &text);
    (void)fd_write_all(2, text.data, text.len, &e);
    buf_fini(&text);
    return EXIT_USAGE;
}

static int body(int argc, char **argv, void *user)
{
    (void)user;
    if (argc < 2) return no_command();
    if (argc == 2 && str_eq(argv[1], "run")) return run();
    if (argc == 2 && (str_eq(argv[1], "version") || str_eq(argv[1], "--version")))
        return print(PROGRAM " " CADRE_VERSION "\n");
    return help(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    return service_main(PROGRAM, body, argc, argv, NULL);
}
