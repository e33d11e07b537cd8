/* Registering the service: see service_command.h. */
#include "agent/service_command.h"

#include "agent/identity.h"
#include "agent/setup.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "platform/service_admin.h"
#include "platform/text_file.h"

#include <stdio.h>
#include <string.h>

#define PASSWORD_MAX_BYTES 1024

static bool was_named(const struct agent_config *c, const char *flag)
{
    for (size_t i = 0; i < c->set.count; i++) {
        const char *name = c->set.table[i].flag;
        if (name && str_eq(name, flag)) return c->set.sources[i] == OPT_FROM_FLAG;
    }
    return false;
}

/* ` --flag "path"`: a service starts in a folder of the system, so the path is absolute. */
static int add_path(struct buf *line, const char *flag, const char *path, struct err *e)
{
    bool whole = path[0] && path[1] == ':' && (path[2] == '\\' || path[2] == '/');
    if (!whole && !(path[0] == '\\' && path[1] == '\\'))
        return err_set(e, ERR_INVALID,
                       "--%s %s: a service needs an absolute path, like C:\\Cadre\\%s", flag, path,
                       path);
    if (strchr(path, '"')) return err_set(e, ERR_INVALID, "--%s: a path has no quotes", flag);
    /* a backslash before the closing quote would make it a part of the path */
    size_t len = strlen(path);
    return buf_addf(line, " --%s \"%s%s\"", flag, path, path[len - 1] == '\\' ? "\\" : "");
}

static int make_argument(const struct agent_config *c, struct buf *line, struct err *e)
{
    int rc = buf_adds(line, "run");
    if (rc == 0 && was_named(c, "config")) rc = add_path(line, "config", c->config_path, e);
    if (rc == 0 && was_named(c, "state")) rc = add_path(line, "state", c->state, e);
    return rc;
}

static int read_password(const struct agent_config *c, struct buf *out, struct err *e)
{
    if (!c->password_file) return 0;
    int rc = text_input_read(c->password_file, PASSWORD_MAX_BYTES, out, e);
    if (rc != 0) return rc;
    size_t len = out->data ? strcspn(out->data, "\r\n") : 0;
    if (len == 0)
        return err_set(e, ERR_INVALID, "--password-file %s: there is no password in it",
                       c->password_file);
    out->data[len] = '\0';
    return 0;
}

static int install(const struct agent_config *c, struct err *e)
{
    struct buf argument, password;
    bool created = false;
    buf_init(&argument, 64 * 1024);
    buf_init(&password, PASSWORD_MAX_BYTES + 1);
    char *self = paths_self();
    int rc = make_argument(c, &argument, e);
    if (rc == 0) rc = read_password(c, &password, e);
    if (rc == 0) {
        const struct setup_service s = {.argument = argument.data,
                                        .account = c->account,
                                        .password = password.len > 0 ? password.data : NULL,
                                        .automatic = true};
        rc = setup_service(c, &s, &created, e);
    }
    if (rc == 0) {
        printf(created ? "the service " SERVICE_AGENT " is registered\n"
                       : "the service " SERVICE_AGENT " was there and keeps its account and how it "
                         "is started; it now runs %s\n",
               self);
        printf(identity_exists(c->state)
                   ? "start it with: sc start " SERVICE_AGENT "\n"
                   : "join with: cadre-agent join TOKEN; then: sc start " SERVICE_AGENT "\n");
    }
    if (password.len > 0) mem_wipe(password.data, password.len);
    mem_free(self);
    buf_fini(&password);
    buf_fini(&argument);
    return rc;
}

static int uninstall(struct err *e)
{
    int rc = service_admin_stop(SERVICE_AGENT, NULL, NULL, e);
    if (rc == 0) rc = service_admin_unregister(SERVICE_AGENT, e);
    if (rc == 0) puts("the service " SERVICE_AGENT " is removed; its files stay");
    return rc;
}

int service_command(const struct agent_config *c, const char *verb, struct err *e)
{
    enum service_state state;
    /* without a service manager, that error comes first */
    int rc = service_admin_state(SERVICE_AGENT, &state, e);
    if (rc != 0) return rc;
    if (!os_is_admin())
        return err_set(e, ERR_DENIED,
                       "service %s needs an administrator: open the console with 'Run as "
                       "administrator'",
                       verb);
    return str_eq(verb, "install") ? install(c, e) : uninstall(e);
}
