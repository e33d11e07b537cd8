/* The custom actions of the installer's package, as a DLL in its Binary table (cadre-agent.wxs says
 * when each runs).
 *
 * CadreSurvey looks at the machine, before anything is changed and without rights, and writes down
 * for each of the others what it shall do, as JSON in the property that becomes its
 * CustomActionData. The others run later, as SYSTEM, and see nothing else. What has to do with
 * configuration and joining is cadre-agent's own work ("cadre-agent setup"): the wish, with token
 * and password, goes to its standard input and so stands on no command line; its lines come back
 * into the installer's log. */
#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/paths.h"
#include "platform/service_admin.h"

#include <windows.h>
#include <msi.h>
#include <msiquery.h>
#include <string.h>

#define DATA_MAX_BYTES (64u * 1024)

/* What the package calls, by name. */
__declspec(dllexport) UINT __stdcall CadreSurvey(MSIHANDLE install);
__declspec(dllexport) UINT __stdcall CadreForget(MSIHANDLE install);
__declspec(dllexport) UINT __stdcall CadreStop(MSIHANDLE install);
__declspec(dllexport) UINT __stdcall CadreResume(MSIHANDLE install);
__declspec(dllexport) UINT __stdcall CadreSetup(MSIHANDLE install);
__declspec(dllexport) UINT __stdcall CadreUndo(MSIHANDLE install);
__declspec(dllexport) UINT __stdcall CadreStart(MSIHANDLE install);
__declspec(dllexport) UINT __stdcall CadreRemove(MSIHANDLE install);

/* ---- text ---- */

static wchar_t *wide(const char *utf8)
{
    int n = MultiByteToWideChar(CP_UTF8, 0, utf8, -1, NULL, 0);
    wchar_t *out = mem_array((size_t)(n > 0 ? n : 1), sizeof *out);
    if (n > 0) MultiByteToWideChar(CP_UTF8, 0, utf8, -1, out, n);
    return out;
}

static char *narrow(const wchar_t *text)
{
    int n = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
    char *out = mem_alloc((size_t)(n > 0 ? n : 1));
    if (n > 0) WideCharToMultiByte(CP_UTF8, 0, text, -1, out, n, NULL, NULL);
    return out;
}

/* ---- the installer ---- */

/* "" when it is not set; mem_free. */
static char *get(MSIHANDLE install, const wchar_t *property)
{
    wchar_t none[1] = L"";
    DWORD size = 0;
    if (MsiGetPropertyW(install, property, none, &size) != ERROR_MORE_DATA) return mem_strdup("");
    wchar_t *value = mem_array((size_t)++size, sizeof *value);
    char *out = MsiGetPropertyW(install, property, value, &size) == ERROR_SUCCESS ? narrow(value)
                                                                                  : mem_strdup("");
    mem_wipe(value, wcslen(value) * sizeof *value);
    mem_free(value);
    return out;
}

static bool is_set(MSIHANDLE install, const wchar_t *property)
{
    char *value = get(install, property);
    bool set = !str_empty(value);
    mem_free(value);
    return set;
}

/* A value of "0" says no; also "no" and "false". */
static bool says_no(MSIHANDLE install, const wchar_t *property)
{
    char *value = get(install, property);
    bool no = str_eq(value, "0") || _stricmp(value, "no") == 0 || _stricmp(value, "false") == 0;
    mem_free(value);
    return no;
}

static bool says_yes(MSIHANDLE install, const wchar_t *property)
{
    return is_set(install, property) && !says_no(install, property);
}

static void set(MSIHANDLE install, const wchar_t *property, const char *value)
{
    wchar_t *text = wide(value);
    MsiSetPropertyW(install, property, text);
    mem_wipe(text, wcslen(text) * sizeof *text);
    mem_free(text);
}

/* Returns false when somebody pressed Cancel. */
static bool tell(MSIHANDLE install, INSTALLMESSAGE kind, const char *text)
{
    MSIHANDLE record = MsiCreateRecord(1);
    wchar_t *line = wide(text);
    /* by field, so that brackets in the text are not taken for properties */
    MsiRecordSetStringW(record, 0, kind == INSTALLMESSAGE_INFO ? L"Cadre: [1]" : L"[1]");
    MsiRecordSetStringW(record, 1, line);
    int answer = MsiProcessMessage(install, kind, record);
    mem_free(line);
    MsiCloseHandle(record);
    return answer != IDCANCEL;
}

static UINT fail(MSIHANDLE install, const char *text)
{
    char *line = str_dupf("Cadre Agent: %s.", text);
    tell(install, INSTALLMESSAGE_ERROR, line);
    mem_free(line);
    return ERROR_INSTALL_FAILURE;
}

/* Cancel is asked for by a message that moves the progress bar by nothing. */
static bool go_on(void *user)
{
    const MSIHANDLE *install = user;
    MSIHANDLE record = MsiCreateRecord(3);
    MsiRecordSetInteger(record, 1, 2);
    MsiRecordSetInteger(record, 2, 0);
    MsiRecordSetInteger(record, 3, 0);
    int answer = MsiProcessMessage(*install, INSTALLMESSAGE_PROGRESS, record);
    MsiCloseHandle(record);
    return answer != IDCANCEL;
}

/* What CadreSurvey wrote down; NULL after a message. json_free. */
static struct json *read_data(MSIHANDLE install)
{
    struct err e = {0};
    struct json *data = NULL;
    char *text = get(install, L"CustomActionData");
    /* an installer that keeps it as a property shows it in the log when the action fails */
    set(install, L"CustomActionData", "");
    if (json_parse(text, strlen(text), &data, &e) != 0) fail(install, err_text(&e));
    mem_wipe(text, strlen(text));
    mem_free(text);
    return data;
}

/* ---- before: what is there, and who shall do what ---- */

/* What may not be looked at is there, too. */
static bool is_absent(const char *path)
{
    wchar_t *text = wide(path);
    DWORD error = GetFileAttributesW(text) == INVALID_FILE_ATTRIBUTES ? GetLastError() : 0;
    mem_free(text);
    return error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND;
}

static void plan(MSIHANDLE install, const wchar_t *action, struct buf *data)
{
    set(install, action, data->data);
    mem_wipe(data->data, data->len);
    buf_fini(data);
}

static void plan_setup(MSIHANDLE install)
{
    static const struct {
        const char *member;
        const wchar_t *property;
    } fields[] = {{"token", L"TOKEN"},
                  {"group", L"GROUP"},
                  {"coordinator", L"COORDINATOR"},
                  {"name", L"NAME"},
                  {"slots", L"SLOTS"},
                  {"labels", L"LABELS"},
                  {"account", L"SERVICEACCOUNT"},
                  {"password", L"SERVICEPASSWORD"}};
    struct buf data;
    struct jw w;
    char *folder = get(install, L"INSTALLFOLDER");
    char *program = str_dupf("%scadre-agent.exe", folder);
    buf_init(&data, DATA_MAX_BYTES);
    jw_init(&w, &data);
    jw_object(&w, NULL);
    jw_str(&w, "program", program);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        char *value = get(install, fields[i].property);
        jw_str(&w, fields[i].member, value);
        mem_wipe(value, strlen(value));
        mem_free(value);
    }
    jw_bool(&w, "automatic", !says_no(install, L"STARTSERVICE"));
    jw_end(&w);
    plan(install, L"CadreSetup", &data);
    mem_free(program);
    mem_free(folder);
}

/* What the installation makes is what was not there. */
static void plan_undo(MSIHANDLE install, bool service_absent)
{
    struct buf data;
    struct jw w;
    char *config = paths_agent_config(), *state = paths_agent_state(), *log = paths_agent_log();
    char *house = paths_dir(config), *logs = paths_dir(log);
    const char *const paths[] = {house, config, state, logs};
    buf_init(&data, DATA_MAX_BYTES);
    jw_init(&w, &data);
    jw_object(&w, NULL);
    jw_bool(&w, "service", service_absent);
    jw_array(&w, "paths");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (is_absent(paths[i])) jw_str(&w, NULL, paths[i]);
    jw_end(&w);
    jw_end(&w);
    plan(install, L"CadreUndo", &data);
    mem_free(logs);
    mem_free(house);
    mem_free(log);
    mem_free(state);
    mem_free(config);
}

static void plan_rest(MSIHANDLE install, enum service_state state)
{
    char *config = paths_agent_config(), *identity = paths_agent_state();
    char *house = paths_dir(config);
    struct buf data;
    struct jw w;
    bool fresh = state == SERVICE_IS_ABSENT;
    buf_init(&data, DATA_MAX_BYTES);
    jw_init(&w, &data);
    jw_object(&w, NULL);
    jw_bool(&w, "fresh", fresh);
    jw_bool(&w, "start", fresh ? !says_no(install, L"STARTSERVICE") : state == SERVICE_IS_RUNNING);
    jw_str(&w, "state", identity);
    jw_end(&w);
    plan(install, L"CadreStart", &data);
    buf_init(&data, DATA_MAX_BYTES);
    jw_init(&w, &data);
    jw_object(&w, NULL);
    if (says_yes(install, L"REMOVEDATA")) jw_str(&w, "folder", house);
    jw_end(&w);
    plan(install, L"CadreRemove", &data);
    set(install, L"CADRE_RUNS", state == SERVICE_IS_RUNNING ? "1" : "");
    mem_free(house);
    mem_free(identity);
    mem_free(config);
}

UINT __stdcall CadreSurvey(MSIHANDLE install)
{
    enum service_state state;
    struct err e = {0};
    if (is_set(install, L"CADRE_NEWER"))
        return fail(install, "a newer version is installed here, and an older one does not replace "
                             "it; uninstall that first (agent.yaml and identity stay)");
    if (service_admin_state(SERVICE_AGENT, &state, &e) != 0) return fail(install, err_text(&e));
    plan_setup(install);
    plan_undo(install, state == SERVICE_IS_ABSENT);
    plan_rest(install, state);
    set(install, L"TOKEN", "");
    set(install, L"SERVICEPASSWORD", "");
    return ERROR_SUCCESS;
}

/* The others have their data by now. The log hides what is secret, but what is not there cannot be
 * shown at all. */
UINT __stdcall CadreForget(MSIHANDLE install)
{
    set(install, L"CadreSetup", "");
    return ERROR_SUCCESS;
}

/* ---- the service ---- */

UINT __stdcall CadreStop(MSIHANDLE install)
{
    struct err e = {0};
    tell(install, INSTALLMESSAGE_INFO, "stopping the service; running jobs may finish");
    int rc = service_admin_stop(SERVICE_AGENT, go_on, &install, &e);
    if (rc == ERR_CLOSED) return ERROR_INSTALL_USEREXIT;
    return rc == 0 ? ERROR_SUCCESS : fail(install, err_text(&e));
}

/* After a rollback the machine is as before: what ran, runs. Cancel may have left it on its way
 * down. */
UINT __stdcall CadreResume(MSIHANDLE install)
{
    struct err e = {0};
    int rc = service_admin_stop(SERVICE_AGENT, NULL, NULL, &e);
    if (rc == 0) rc = service_admin_start(SERVICE_AGENT, NULL, NULL, &e);
    if (rc != 0) tell(install, INSTALLMESSAGE_INFO, err_text(&e));
    return ERROR_SUCCESS;
}

/* A new version that does not come up is rolled back. A first installation stands: the machine has
 * joined, and what is amiss can be mended. */
UINT __stdcall CadreStart(MSIHANDLE install)
{
    struct err e = {0};
    struct json *data = read_data(install);
    if (!data) return ERROR_INSTALL_FAILURE;
    char *identity = paths_join(json_get_str(data, "state", ""), "identity.json");
    bool fresh = json_get_bool(data, "fresh", false);
    UINT result = ERROR_SUCCESS;
    if (json_get_bool(data, "start", false) && (!fresh || file_exists(identity))) {
        int rc = service_admin_start(SERVICE_AGENT, go_on, &install, &e);
        if (rc == ERR_CLOSED)
            result = ERROR_INSTALL_USEREXIT;
        else if (rc == ERR_CONFLICT)
            tell(install, INSTALLMESSAGE_INFO, err_text(&e));
        else if (rc != 0 && fresh)
            tell(install, INSTALLMESSAGE_WARNING, err_text(&e));
        else if (rc != 0)
            result = fail(install, err_text(&e));
    }
    mem_free(identity);
    json_free(data);
    return result;
}

/* ---- cadre-agent setup ---- */

struct child {
    HANDLE process, input, output;
};

/* A pipe of which the child inherits one end. */
static bool make_pipe(HANDLE *ours, HANDLE *theirs, bool child_reads)
{
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof inherited, .bInheritHandle = TRUE};
    HANDLE r, w;
    if (!CreatePipe(&r, &w, &inherited, 0)) return false;
    *ours = child_reads ? w : r;
    *theirs = child_reads ? r : w;
    SetHandleInformation(*ours, HANDLE_FLAG_INHERIT, 0);
    return true;
}

static bool start_child(const char *program, struct child *c)
{
    STARTUPINFOW start = {.cb = sizeof start, .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION made = {0};
    char *text = str_dupf("\"%s\" setup", program);
    wchar_t *command = wide(text), *path = wide(program);
    bool done = make_pipe(&c->input, &start.hStdInput, true) &&
                make_pipe(&c->output, &start.hStdOutput, false);
    start.hStdError = start.hStdOutput;
    done = done && CreateProcessW(path, command, NULL, NULL, TRUE, CREATE_NO_WINDOW, NULL, NULL,
                                  &start, &made);
    DWORD error = GetLastError();
    if (start.hStdInput) CloseHandle(start.hStdInput);
    if (start.hStdOutput) CloseHandle(start.hStdOutput);
    if (made.hThread) CloseHandle(made.hThread);
    c->process = made.hProcess;
    mem_free(path);
    mem_free(command);
    mem_free(text);
    SetLastError(error);
    return done;
}

static void write_all(HANDLE h, const char *data, size_t len)
{
    DWORD n = 0;
    for (; len > 0 && WriteFile(h, data, (DWORD)len, &n, NULL); len -= n)
        data += n;
}

static void read_to_end(HANDLE h, struct buf *out)
{
    char chunk[4096];
    DWORD n = 0;
    while (ReadFile(h, chunk, sizeof chunk, &n, NULL) && n > 0)
        (void)buf_add(out, chunk, n);
}

/* Its lines into the log; the one that says what went wrong comes back. */
static const char *pass_on(MSIHANDLE install, char *text)
{
    const char *error = NULL;
    for (char *line = text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        line = str_trim(line);
        if (str_starts(line, "error "))
            error = line + 6;
        else if (*line)
            tell(install, INSTALLMESSAGE_INFO, str_starts(line, "info ") ? line + 5 : line);
    }
    return error;
}

static UINT run_setup(MSIHANDLE install, const char *program, const char *wish)
{
    struct child c = {0};
    struct buf output;
    DWORD code = 1;
    UINT result = ERROR_SUCCESS;
    buf_init(&output, DATA_MAX_BYTES);
    if (start_child(program, &c)) {
        /* It reads all of it before it writes: neither waits for the other. */
        write_all(c.input, wish, strlen(wish));
        CloseHandle(c.input);
        c.input = NULL;
        read_to_end(c.output, &output);
        WaitForSingleObject(c.process, INFINITE);
        GetExitCodeProcess(c.process, &code);
        const char *error = pass_on(install, output.data);
        char *ended = str_dupf("%s ended with exit code %lu", program, (unsigned long)code);
        if (code != 0) result = fail(install, error ? error : ended);
        mem_free(ended);
    } else {
        char *error = str_dupf("cannot start %s (error %lu)", program, GetLastError());
        result = fail(install, error);
        mem_free(error);
    }
    if (c.process) CloseHandle(c.process);
    if (c.input) CloseHandle(c.input);
    if (c.output) CloseHandle(c.output);
    buf_fini(&output);
    return result;
}

UINT __stdcall CadreSetup(MSIHANDLE install)
{
    struct json *data = read_data(install);
    if (!data) return ERROR_INSTALL_FAILURE;
    char *wish = json_text(data);
    UINT result = run_setup(install, json_get_str(data, "program", ""), wish);
    mem_wipe(wish, strlen(wish));
    mem_free(wish);
    json_free(data);
    return result;
}

/* ---- undoing and removing ---- */

static void remove_path(MSIHANDLE install, const char *path)
{
    struct err e = {0};
    wchar_t *text = wide(path);
    DWORD attributes = GetFileAttributesW(text);
    mem_free(text);
    if (attributes == INVALID_FILE_ATTRIBUTES) return;
    int rc =
        attributes & FILE_ATTRIBUTE_DIRECTORY ? dir_remove_tree(path, &e) : file_remove(path, &e);
    if (rc != 0) tell(install, INSTALLMESSAGE_INFO, err_text(&e));
}

/* The rollback of CadreSetup. */
UINT __stdcall CadreUndo(MSIHANDLE install)
{
    struct err e = {0};
    struct json *data = read_data(install);
    if (!data) return ERROR_SUCCESS;
    if (json_get_bool(data, "service", false)) {
        int rc = service_admin_stop(SERVICE_AGENT, NULL, NULL, &e);
        if (rc == 0) rc = service_admin_unregister(SERVICE_AGENT, &e);
        if (rc != 0) tell(install, INSTALLMESSAGE_INFO, err_text(&e));
    }
    const struct json *paths = json_get(data, "paths");
    for (const struct json *p = json_first(paths); p; p = json_next(p))
        remove_path(install, json_str(p, ""));
    json_free(data);
    return ERROR_SUCCESS;
}

/* At the very end of an uninstallation, when it cannot fail any more. */
UINT __stdcall CadreRemove(MSIHANDLE install)
{
    struct err e = {0};
    struct json *data = read_data(install);
    if (!data) return ERROR_SUCCESS;
    if (service_admin_unregister(SERVICE_AGENT, &e) != 0)
        tell(install, INSTALLMESSAGE_INFO, err_text(&e));
    const char *folder = json_get_str(data, "folder", NULL);
    if (folder) remove_path(install, folder);
    json_free(data);
    return ERROR_SUCCESS;
}
