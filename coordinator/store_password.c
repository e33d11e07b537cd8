#include "coordinator/store_password.h"

#include "base/buf.h"
#include "base/mem.h"
#include "platform/file_facts.h"
#include "platform/files.h"
#include "platform/os.h"

#include <string.h>

#define FILE_MAX_BYTES 65536
#define PASSWORD_MAX 1024

static int refuse_open(const char *path, struct err *e)
{
    char *command = file_protect_command(path, false);
    int rc = err_set(e, ERR_DENIED,
                     "storePasswordFile: %s is open to others (they can read or write it): close "
                     "it with: %s",
                     path, command);
    mem_free(command);
    return rc;
}

static int take_line(const char *path, const struct buf *text, char **out, struct err *e)
{
    const char *s = text->len ? text->data : "";
    size_t len = strcspn(s, "\r\n");
    bool odd = text->len > 0 && memchr(s, 0, text->len);
    for (size_t i = 0; i < len; i++)
        odd = odd || (unsigned char)s[i] < 0x20 || s[i] == 0x7f;
    if (odd) return err_set(e, ERR_INVALID, "storePasswordFile: %s is no text", path);
    if (len == 0)
        return err_set(e, ERR_INVALID,
                       "storePasswordFile: the first line of %s is empty; the password of store "
                       "is expected there",
                       path);
    if (len > PASSWORD_MAX)
        return err_set(e, ERR_INVALID, "storePasswordFile: the first line of %s is over %d bytes",
                       path, PASSWORD_MAX);
    *out = mem_strndup(s, len);
    return 0;
}

int store_password_read(const char *path, char **out, struct err *e)
{
    struct buf text;
    if (file_exists(path) && file_is_exposed(path)) return refuse_open(path, e);
    buf_init(&text, FILE_MAX_BYTES);
    int rc = file_read(path, FILE_MAX_BYTES, &text, e);
    if (rc)
        err_wrap(e, "storePasswordFile");
    else
        rc = take_line(path, &text, out, e);
    buf_fini_secret(&text);
    return rc;
}

int store_password_check(const struct config *c, struct err *e)
{
    char *password = NULL;
    if (!c->store) return 0;
    if (!os_has_modules())
        return err_set(e, ERR_INVALID,
                       "store: PostgreSQL is not available on Windows: leave store out, or run "
                       "the coordinator on Linux");
    if (!c->store_password_file) return 0;
    int rc = store_password_read(c->store_password_file, &password, e);
    mem_free_secret(password);
    return rc;
}
