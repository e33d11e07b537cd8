/* Quoting for Windows command lines. */
#include "platform/windows/quote.h"

#include <string.h>

/* Backslashes are themselves, unless a quote follows: then each counts twice. So only those before
 * a quote of the argument, and those before the quote that ends it, are doubled. */
static void add_quoted(struct buf *out, const char *arg)
{
    size_t slashes = 0;
    buf_addc(out, '"');
    for (const char *p = arg; *p; p++) {
        if (*p == '\\') {
            slashes++;
            continue;
        }
        size_t n = *p == '"' ? 2 * slashes + 1 : slashes;
        while (n-- > 0)
            buf_addc(out, '\\');
        slashes = 0;
        buf_addc(out, *p);
    }
    for (size_t n = 2 * slashes; n > 0; n--)
        buf_addc(out, '\\');
    buf_addc(out, '"');
}

static void add_argument(struct buf *out, const char *arg)
{
    if (out->len > 0) buf_addc(out, ' ');
    if (*arg && !strpbrk(arg, " \t\n\v\"")) {
        buf_adds(out, arg);
    } else {
        add_quoted(out, arg);
    }
}

void quote_command_line(const char *const *argv, struct buf *out)
{
    /* the program's own name has another rule: it ends at the next quote, and backslashes are
     * nothing special */
    if (!argv[0]) return;
    bool plain = *argv[0] && !strpbrk(argv[0], " \t\"");
    if (!plain) buf_addc(out, '"');
    for (const char *p = argv[0]; *p; p++) {
        if (*p != '"') buf_addc(out, *p);
    }
    if (!plain) buf_addc(out, '"');
    for (size_t i = 1; argv[i]; i++)
        add_argument(out, argv[i]);
}

static void add_batch_argument(struct buf *out, const char *arg)
{
    size_t slashes = 0;
    buf_addc(out, '"');
    for (const char *p = arg; *p; p++) {
        if (*p == '%') {
            /* %cd:~,% is an empty piece of a variable that is always there: it takes the place of a
             * name that could be looked up */
            buf_adds(out, "%%cd:~,%");
        } else if (*p == '"') {
            while (slashes > 0) {
                buf_addc(out, '\\');
                slashes--;
            }
            buf_adds(out, "\"\"");
        } else {
            buf_addc(out, *p);
        }
        slashes = *p == '\\' ? slashes + 1 : 0;
    }
    while (slashes-- > 0)
        buf_addc(out, '\\');
    buf_addc(out, '"');
}

int quote_batch_line(const char *cmd, const char *file, const char *const *args, struct buf *out,
                     struct err *e)
{
    if (strpbrk(file, "\"\r\n%")) {
        return err_set(e, ERR_INVALID, "a batch file cannot have %s for a name",
                       "quotes, line breaks or %");
    }
    for (size_t i = 0; args[i]; i++) {
        if (strpbrk(args[i], "\r\n")) {
            return err_set(e, ERR_INVALID,
                           "argument %zu: a batch file cannot be given a line break", i + 1);
        }
    }
    buf_addf(out, "\"%s\" /d /e:on /v:off /s /c \"\"%s\"", cmd, file);
    for (size_t i = 0; args[i]; i++) {
        buf_addc(out, ' ');
        add_batch_argument(out, args[i]);
    }
    buf_addc(out, '"');
    return 0;
}
