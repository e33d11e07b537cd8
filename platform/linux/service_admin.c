/* Units come with the packages, and systemctl manages them. */
#include "platform/service_admin.h"

static int unsupported(struct err *e)
{
    return err_set(
        e, ERR_UNSUPPORTED,
        "services are managed with systemctl here: 'systemctl enable --now cadre-agent'");
}

int service_admin_state(const char *name, enum service_state *out, struct err *e)
{
    (void)name;
    (void)out;
    return unsupported(e);
}

int service_admin_register(const struct service_entry *s, bool *created, struct err *e)
{
    (void)s;
    (void)created;
    return unsupported(e);
}

int service_admin_unregister(const char *name, struct err *e)
{
    (void)name;
    return unsupported(e);
}

int service_admin_folder(const char *path, bool service_writes, struct err *e)
{
    (void)path;
    (void)service_writes;
    return unsupported(e);
}

int service_admin_owner(const char *path, struct err *e)
{
    (void)path;
    return unsupported(e);
}

int service_admin_start(const char *name, service_wait_fn *wait, void *user, struct err *e)
{
    (void)name;
    (void)wait;
    (void)user;
    return unsupported(e);
}

int service_admin_stop(const char *name, service_wait_fn *wait, void *user, struct err *e)
{
    (void)name;
    (void)wait;
    (void)user;
    return unsupported(e);
}
