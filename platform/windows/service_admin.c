/* The service control manager's database. */
#include "platform/service_admin.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/windows/acl.h"
#include "platform/windows/event_log.h"
#include "platform/windows/wide.h"

#include <windows.h>
#include <ntsecapi.h>
#include <string.h>

#define POLL_MS 100
#define START_LIMIT_MS 60000
/* How much longer than its own hint a service may be silent. */
#define SILENCE_MS 30000

struct handles {
    SC_HANDLE manager, service;
};

static void handles_close(struct handles *h)
{
    if (h->service) CloseServiceHandle(h->service);
    if (h->manager) CloseServiceHandle(h->manager);
    memset(h, 0, sizeof *h);
}

static int fail(struct err *e, const char *verb, const char *name)
{
    char *what = str_dupf("the service %s", name);
    int rc = wide_fail(e, GetLastError(), verb, what);
    mem_free(what);
    return rc;
}

/* ERR_NOT_FOUND: there is no such service. */
static int handles_open(struct handles *h, const char *name, DWORD rights, struct err *e)
{
    memset(h, 0, sizeof *h);
    h->manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    if (!h->manager) return fail(e, "ask the service manager for", name);
    wchar_t *wide = wide_from(name);
    h->service = OpenServiceW(h->manager, wide, rights);
    DWORD error = GetLastError();
    mem_free(wide);
    if (h->service) return 0;
    handles_close(h);
    if (error == ERROR_SERVICE_DOES_NOT_EXIST)
        return err_set(e, ERR_NOT_FOUND, "there is no service %s", name);
    SetLastError(error);
    return fail(e, "open", name);
}

static bool query(SC_HANDLE service, SERVICE_STATUS_PROCESS *out)
{
    DWORD size = 0;
    return QueryServiceStatusEx(service, SC_STATUS_PROCESS_INFO, (BYTE *)out, sizeof *out, &size);
}

int service_admin_state(const char *name, enum service_state *out, struct err *e)
{
    struct handles h;
    SERVICE_STATUS_PROCESS s;
    int rc = handles_open(&h, name, SERVICE_QUERY_STATUS, e);
    if (rc == ERR_NOT_FOUND) {
        *out = SERVICE_IS_ABSENT;
        return 0;
    }
    if (rc != 0) return rc;
    if (!query(h.service, &s))
        rc = fail(e, "query", name);
    else
        *out = s.dwCurrentState == SERVICE_STOPPED ? SERVICE_IS_STOPPED : SERVICE_IS_RUNNING;
    handles_close(&h);
    return rc;
}

/* ---- registering ---- */

/* Gives the account the right to log on as a service. services.msc does so when an account is
 * chosen there; CreateService does not. */
static int grant_logon(const char *account, struct err *e)
{
    LSA_OBJECT_ATTRIBUTES attributes = {.Length = sizeof attributes};
    LSA_HANDLE policy;
    wchar_t right[] = L"SeServiceLogonRight";
    LSA_UNICODE_STRING name = {.Buffer = right,
                               .Length = sizeof right - sizeof *right,
                               .MaximumLength = sizeof right};
    wchar_t *wide = wide_from(account);
    void *sid = acl_account_sid(wide);
    mem_free(wide);
    if (!sid) return err_set(e, ERR_NOT_FOUND, "there is no account '%s'", account);
    NTSTATUS status =
        LsaOpenPolicy(NULL, &attributes, POLICY_LOOKUP_NAMES | POLICY_CREATE_ACCOUNT, &policy);
    if (status == 0) {
        status = LsaAddAccountRights(policy, sid, &name, 1);
        LsaClose(policy);
    }
    mem_free(sid);
    if (status == 0) return 0;
    SetLastError(LsaNtStatusToWinError(status));
    char *what = str_dupf("'%s' the right to log on as a service", account);
    int rc = wide_fail(e, GetLastError(), "grant", what);
    mem_free(what);
    return rc;
}

/* Built-in accounts, which do not need that right. */
static bool is_system_account(const char *account)
{
    static const char *const prefixes[] = {"NT SERVICE\\", "NT AUTHORITY\\"};
    if (_stricmp(account, "LocalSystem") == 0 || _stricmp(account, ".\\LocalSystem") == 0)
        return true;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (_strnicmp(account, prefixes[i], strlen(prefixes[i])) == 0) return true;
    return false;
}

/* Of these, a system may not know the latest; the service works without. */
static int configure(SC_HANDLE service, DWORD level, void *info, const char *name, struct err *e)
{
    if (ChangeServiceConfig2W(service, level, info)) return 0;
    DWORD error = GetLastError();
    if (error == ERROR_INVALID_LEVEL || error == ERROR_CALL_NOT_IMPLEMENTED) return 0;
    return fail(e, "configure", name);
}

static int configure_all(SC_HANDLE service, const struct service_entry *s, struct err *e)
{
    wchar_t *text = wide_from(s->description);
    SERVICE_DESCRIPTIONW description = {text};
    SERVICE_DELAYED_AUTO_START_INFO delayed = {s->automatic};
    SC_ACTION actions[] = {{SC_ACTION_RESTART, 1000},
                           {SC_ACTION_RESTART, 60000},
                           {SC_ACTION_RESTART, 60000}};
    SERVICE_FAILURE_ACTIONSW failure = {.dwResetPeriod = 24 * 60 * 60,
                                        .cActions = 3,
                                        .lpsaActions = actions};
    SERVICE_FAILURE_ACTIONS_FLAG also_without_crash = {TRUE};
    SERVICE_PRESHUTDOWN_INFO shutdown = {(DWORD)s->stop_ms};
    SERVICE_SID_INFO own_sid = {SERVICE_SID_TYPE_UNRESTRICTED};
    const struct {
        DWORD level;
        void *info;
    } all[] = {{SERVICE_CONFIG_DESCRIPTION, &description},
               {SERVICE_CONFIG_FAILURE_ACTIONS, &failure},
               {SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, &also_without_crash},
               {SERVICE_CONFIG_PRESHUTDOWN_INFO, &shutdown},
               {SERVICE_CONFIG_SERVICE_SID_INFO, &own_sid},
               {SERVICE_CONFIG_DELAYED_AUTO_START_INFO, &delayed}};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof all / sizeof *all; i++) {
        if (all[i].info == &delayed && !s->automatic) continue;
        rc = configure(service, all[i].level, all[i].info, s->name, e);
    }
    mem_free(text);
    return rc;
}

static int create(struct handles *h, const struct service_entry *s, const wchar_t *command,
                  struct err *e)
{
    char *virtual_account = str_dupf("NT SERVICE\\%s", s->name);
    const char *account = str_empty(s->account) ? virtual_account : s->account;
    int rc = is_system_account(account) ? 0 : grant_logon(account, e);
    wchar_t *name = wide_from(s->name), *display = wide_from(s->display);
    wchar_t *wide_account = wide_from(account);
    wchar_t *password = str_empty(s->password) ? NULL : wide_from(s->password);
    if (rc == 0) {
        h->service =
            CreateServiceW(h->manager, name, display, SERVICE_ALL_ACCESS, SERVICE_WIN32_OWN_PROCESS,
                           s->automatic ? SERVICE_AUTO_START : SERVICE_DEMAND_START,
                           SERVICE_ERROR_NORMAL, command, NULL, NULL, NULL, wide_account, password);
        if (!h->service) rc = fail(e, "register", s->name);
    }
    if (rc == 0) rc = configure_all(h->service, s, e);
    if (rc != 0 && h->service) DeleteService(h->service);
    if (password) mem_wipe(password, wcslen(password) * sizeof *password);
    mem_free(password);
    mem_free(wide_account);
    mem_free(display);
    mem_free(name);
    mem_free(virtual_account);
    return rc;
}

/* The command line that the entry has; mem_free. NULL: unknown. */
static char *command_line(SC_HANDLE service)
{
    DWORD size = 0;
    char *line = NULL;
    QueryServiceConfigW(service, NULL, 0, &size);
    QUERY_SERVICE_CONFIGW *config = mem_alloc(size > 0 ? size : 1);
    if (QueryServiceConfigW(service, config, size, &size)) line = wide_to(config->lpBinaryPathName);
    mem_free(config);
    return line;
}

/* The part of a command line after the program; NULL when there is no such part. */
static const char *arguments_of(const char *line)
{
    const char *end = !line ? NULL : line[0] == '"' ? strchr(line + 1, '"') : strchr(line, ' ');
    if (!end) return NULL;
    while (*end == '"' || *end == ' ')
        end++;
    return *end ? end : NULL;
}

/* The path of the program may have changed; the administrator's arguments are kept. */
static int renew(SC_HANDLE service, const struct service_entry *s, struct err *e)
{
    char *before = command_line(service);
    const char *arguments = arguments_of(before);
    char *line = str_dupf("\"%s\" %s", s->program, arguments ? arguments : s->argument);
    wchar_t *wide = wide_from(line);
    int rc = 0;
    if (!ChangeServiceConfigW(service, SERVICE_NO_CHANGE, SERVICE_NO_CHANGE, SERVICE_NO_CHANGE,
                              wide, NULL, NULL, NULL, NULL, NULL, NULL))
        rc = fail(e, "configure", s->name);
    mem_free(wide);
    mem_free(line);
    mem_free(before);
    return rc;
}

int service_admin_register(const struct service_entry *s, bool *created, struct err *e)
{
    struct handles h;
    char *command = str_dupf("\"%s\" %s", s->program, s->argument);
    wchar_t *wide = wide_from(command);
    bool made = false;
    int rc = handles_open(&h, s->name, SERVICE_CHANGE_CONFIG | SERVICE_QUERY_CONFIG, e);
    if (rc == 0) {
        rc = renew(h.service, s, e);
    } else if (rc == ERR_NOT_FOUND) {
        h.manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT | SC_MANAGER_CREATE_SERVICE);
        rc = h.manager ? create(&h, s, wide, e) : fail(e, "register", s->name);
        made = true;
    }
    handles_close(&h);
    mem_free(wide);
    mem_free(command);
    if (rc == 0 && !event_log_register(s->program))
        rc = err_set(e, ERR_DENIED, "cannot register %s with the Event Log", s->program);
    if (rc == 0) *created = made;
    return rc;
}

int service_admin_unregister(const char *name, struct err *e)
{
    struct handles h;
    int rc = handles_open(&h, name, DELETE, e);
    if (rc == ERR_NOT_FOUND) return 0;
    if (rc != 0) return rc;
    if (!DeleteService(h.service) && GetLastError() != ERROR_SERVICE_MARKED_FOR_DELETE)
        rc = fail(e, "remove", name);
    handles_close(&h);
    if (rc == 0) event_log_unregister();
    return rc;
}

int service_admin_folder(const char *path, bool service_writes, struct err *e)
{
    int rc = dir_make(path, FILE_PUBLIC, e);
    if (rc != 0) return rc;
    wchar_t *wide = wide_path(path);
    if (!acl_protect_house(wide, service_writes))
        rc = wide_fail(e, GetLastError(), "protect the folder", path);
    mem_free(wide);
    return rc;
}

int service_admin_owner(const char *path, struct err *e)
{
    if (!file_exists(path)) return 0;
    wchar_t *wide = wide_path(path);
    bool trusted = acl_owner_is_trusted(wide);
    mem_free(wide);
    if (trusted) return 0;
    return err_set(e, ERR_DENIED,
                   "%s was there before and belongs to an account that is no administrator's; see "
                   "what is in it, then remove it, or keep it with: icacls \"%s\" /setowner "
                   "*S-1-5-32-544",
                   path, path);
}

/* ---- starting and stopping ---- */

/* One step of waiting; ERR_CLOSED when the caller stops waiting. */
static int wait_step(service_wait_fn *wait, void *user, const char *name, struct err *e)
{
    Sleep(POLL_MS);
    if (!wait || wait(user)) return 0;
    return err_set(e, ERR_CLOSED, "waiting for the service %s was given up", name);
}

static int ended(const char *name, const SERVICE_STATUS_PROCESS *s, struct err *e)
{
    DWORD code = s->dwWin32ExitCode == ERROR_SERVICE_SPECIFIC_ERROR ? s->dwServiceSpecificExitCode
                                                                    : s->dwWin32ExitCode;
    return err_set(e, ERR_IO,
                   "the service %s ended as soon as it was started, with %s %lu; the Event Log "
                   "(source CadreAgent) says why",
                   name,
                   s->dwWin32ExitCode == ERROR_SERVICE_SPECIFIC_ERROR ? "its own code" : "error",
                   (unsigned long)code);
}

int service_admin_start(const char *name, service_wait_fn *wait, void *user, struct err *e)
{
    struct handles h;
    SERVICE_STATUS_PROCESS s = {0};
    int rc = handles_open(&h, name, SERVICE_START | SERVICE_QUERY_STATUS, e);
    if (rc != 0) return rc;
    if (!StartServiceW(h.service, 0, NULL) && GetLastError() != ERROR_SERVICE_ALREADY_RUNNING) {
        rc = GetLastError() == ERROR_SERVICE_DISABLED
                 ? err_set(e, ERR_CONFLICT, "the service %s is disabled", name)
                 : fail(e, "start", name);
    }
    ULONGLONG limit = GetTickCount64() + START_LIMIT_MS;
    while (rc == 0) {
        if (!query(h.service, &s))
            rc = fail(e, "query", name);
        else if (s.dwCurrentState == SERVICE_RUNNING)
            break;
        else if (s.dwCurrentState == SERVICE_STOPPED)
            rc = ended(name, &s, e);
        else if (GetTickCount64() > limit)
            rc = err_set(e, ERR_TIMEOUT, "the service %s is not up after %d s", name,
                         START_LIMIT_MS / 1000);
        else
            rc = wait_step(wait, user, name, e);
    }
    handles_close(&h);
    return rc;
}

/* The state is reported before the process is gone, which still holds its files. */
static void wait_for_process(DWORD pid)
{
    HANDLE process = pid ? OpenProcess(SYNCHRONIZE, FALSE, pid) : NULL;
    if (!process) return;
    WaitForSingleObject(process, SILENCE_MS);
    CloseHandle(process);
}

int service_admin_stop(const char *name, service_wait_fn *wait, void *user, struct err *e)
{
    struct handles h;
    SERVICE_STATUS ignored;
    SERVICE_STATUS_PROCESS s = {0};
    DWORD pid = 0, checkpoint = 0;
    bool asked = false;
    int rc = handles_open(&h, name, SERVICE_STOP | SERVICE_QUERY_STATUS, e);
    if (rc != 0) return rc == ERR_NOT_FOUND ? 0 : rc;
    ULONGLONG limit = GetTickCount64() + SILENCE_MS;
    while (rc == 0) {
        if (!query(h.service, &s)) {
            rc = fail(e, "query", name);
        } else if (s.dwCurrentState == SERVICE_STOPPED) {
            break;
        } else {
            pid = s.dwProcessId;
            /* a service that is starting gets the request as soon as it can take it */
            if (!asked) asked = ControlService(h.service, SERVICE_CONTROL_STOP, &ignored);
            if (s.dwCheckPoint != checkpoint) {
                checkpoint = s.dwCheckPoint;
                limit = GetTickCount64() + s.dwWaitHint + SILENCE_MS;
            }
            if (GetTickCount64() > limit)
                rc = err_set(e, ERR_TIMEOUT,
                             "the service %s does not stop; end its process %lu (taskkill /f /pid "
                             "%lu) and try again",
                             name, (unsigned long)pid, (unsigned long)pid);
            else
                rc = wait_step(wait, user, name, e);
        }
    }
    handles_close(&h);
    if (rc == 0) wait_for_process(pid);
    return rc;
}
