/* Access control lists by their textual form (SDDL). */
#include "platform/windows/acl.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/windows/wide.h"

#include <windows.h>
#include <aclapi.h>
#include <sddl.h>

#define SERVICE_NAME L"cadre-agent"
#define TRUSTED_MAX 6

/* The user of this process; mem_free. NULL: unknown. */
static void *token_user(void)
{
    HANDLE token;
    DWORD size = 0;
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)) return NULL;
    GetTokenInformation(token, TokenUser, NULL, 0, &size);
    TOKEN_USER *user = mem_alloc(size > 0 ? size : 1);
    void *sid = NULL;
    if (GetTokenInformation(token, TokenUser, user, size, &size)) {
        sid = mem_dup(user->User.Sid, GetLengthSid(user->User.Sid));
    }
    mem_free(user);
    CloseHandle(token);
    return sid;
}

void *acl_account_sid(const wchar_t *name)
{
    DWORD sid_size = 0, domain_size = 0;
    SID_NAME_USE use;
    if (name[0] == L'.' && name[1] == L'\\') name += 2;
    LookupAccountNameW(NULL, name, NULL, &sid_size, NULL, &domain_size, &use);
    if (sid_size == 0) return NULL;
    void *sid = mem_alloc(sid_size);
    wchar_t *domain = mem_array((size_t)domain_size + 1, sizeof *domain);
    BOOL found = LookupAccountNameW(NULL, name, sid, &sid_size, domain, &domain_size, &use);
    mem_free(domain);
    if (found) return sid;
    mem_free(sid);
    return NULL;
}

/* The account that the agent's service runs under, so that `cadre-agent join` of an administrator
 * leaves files that the service can read. NULL: no service, or SYSTEM anyway. */
static void *service_sid(void)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE service = manager ? OpenServiceW(manager, SERVICE_NAME, SERVICE_QUERY_CONFIG) : NULL;
    void *sid = NULL;
    DWORD size = 0;
    if (service) {
        QueryServiceConfigW(service, NULL, 0, &size);
        QUERY_SERVICE_CONFIGW *config = mem_alloc(size > 0 ? size : 1);
        if (QueryServiceConfigW(service, config, size, &size) && config->lpServiceStartName) {
            const wchar_t *name = config->lpServiceStartName;
            /* ".\name" is an account of this machine, which the lookup wants without the dot */
            if (name[0] == L'.' && name[1] == L'\\') name += 2;
            if (_wcsicmp(name, L"LocalSystem") != 0) sid = acl_account_sid(name);
        }
        mem_free(config);
        CloseServiceHandle(service);
    }
    if (manager) CloseServiceHandle(manager);
    return sid;
}

static void add_access(struct buf *sddl, const char *inherit, const char *rights, void *sid)
{
    char *text = NULL;
    if (!sid || !ConvertSidToStringSidA(sid, &text)) return;
    buf_addf(sddl, "(A;%s;%s;;;%s)", inherit, rights, text);
    LocalFree(text);
}

void *acl_secret(bool folder)
{
    const char *inherit = folder ? "OICI" : "";
    struct buf sddl;
    void *user = token_user(), *service = service_sid();
    PSECURITY_DESCRIPTOR out = NULL;
    buf_init(&sddl, 4096);
    buf_addf(&sddl, "D:P(A;%s;FA;;;SY)(A;%s;FA;;;BA)", inherit, inherit);
    add_access(&sddl, inherit, "FA", user);
    add_access(&sddl, inherit, "FA", service);
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorA(sddl.data, SDDL_REVISION_1, &out,
                                                              NULL)) {
        out = NULL;
    }
    buf_fini(&sddl);
    mem_free(user);
    mem_free(service);
    return out;
}

void acl_free(void *descriptor)
{
    LocalFree(descriptor);
}

bool acl_protect(const wchar_t *path, bool folder)
{
    PSECURITY_DESCRIPTOR descriptor = acl_secret(folder);
    BOOL done = descriptor && SetFileSecurityW(path, DACL_SECURITY_INFORMATION, descriptor);
    acl_free(descriptor);
    return done;
}

bool acl_protect_house(const wchar_t *path, bool service_writes)
{
    struct buf sddl;
    void *service = service_sid();
    PSECURITY_DESCRIPTOR descriptor = NULL;
    ACL *dacl = NULL;
    BOOL present = FALSE, defaulted = FALSE;
    buf_init(&sddl, 4096);
    buf_addf(&sddl, "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)");
    add_access(&sddl, "OICI", service_writes ? "FA" : "FRFX", service);
    bool done =
        ConvertStringSecurityDescriptorToSecurityDescriptorA(sddl.data, SDDL_REVISION_1,
                                                             &descriptor, NULL) &&
        GetSecurityDescriptorDacl(descriptor, &present, &dacl, &defaulted) &&
        /* unlike SetFileSecurity, this function also changes the files that are in the folder
         * already */
        SetNamedSecurityInfoW((wchar_t *)path, SE_FILE_OBJECT,
                              DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION, NULL,
                              NULL, dacl, NULL) == ERROR_SUCCESS;
    LocalFree(descriptor);
    buf_fini(&sddl);
    mem_free(service);
    return done;
}

static void *well_known(WELL_KNOWN_SID_TYPE type)
{
    DWORD size = SECURITY_MAX_SID_SIZE;
    void *sid = mem_alloc(size);
    if (CreateWellKnownSid(type, NULL, sid, &size)) return sid;
    mem_free(sid);
    return NULL;
}

static bool lets_others(ACL *dacl, DWORD rights, void *const *trusted)
{
    ACL_SIZE_INFORMATION info;
    if (!dacl) return true; /* no list: everybody may do everything */
    if (!GetAclInformation(dacl, &info, sizeof info, AclSizeInformation)) return false;
    for (DWORD i = 0; i < info.AceCount; i++) {
        void *entry;
        if (!GetAce(dacl, i, &entry)) continue;
        ACCESS_ALLOWED_ACE *ace = entry;
        if (ace->Header.AceType != ACCESS_ALLOWED_ACE_TYPE ||
            (ace->Header.AceFlags & INHERIT_ONLY_ACE)) {
            continue;
        }
        if (!(ace->Mask & rights)) continue;
        bool known = false;
        for (int k = 0; k < TRUSTED_MAX && !known; k++) {
            known = trusted[k] && EqualSid(&ace->SidStart, trusted[k]);
        }
        if (!known) return true;
    }
    return false;
}

/* Has anybody but us, the system and the owner one of the rights? */
static bool is_open_to_others(const wchar_t *path, DWORD rights)
{
    PSID owner = NULL;
    ACL *dacl = NULL;
    PSECURITY_DESCRIPTOR descriptor = NULL;
    if (GetNamedSecurityInfoW((wchar_t *)path, SE_FILE_OBJECT,
                              OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, &owner, NULL,
                              &dacl, NULL, &descriptor) != ERROR_SUCCESS) {
        return false;
    }
    void *own[TRUSTED_MAX - 1] = {token_user(), service_sid(), well_known(WinLocalSystemSid),
                                  well_known(WinBuiltinAdministratorsSid),
                                  well_known(WinCreatorOwnerRightsSid)};
    void *trusted[TRUSTED_MAX] = {own[0], own[1], own[2], own[3], own[4], owner};
    bool exposed = lets_others(dacl, rights, trusted);
    for (int i = 0; i < TRUSTED_MAX - 1; i++)
        mem_free(own[i]);
    LocalFree(descriptor);
    return exposed;
}

#define TO_READ (FILE_READ_DATA | GENERIC_READ | GENERIC_ALL)
#define TO_WRITE                                                                                   \
    (FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_DELETE_CHILD | DELETE | WRITE_DAC | WRITE_OWNER |   \
     GENERIC_WRITE | GENERIC_ALL)

bool acl_is_exposed(const wchar_t *path)
{
    return is_open_to_others(path, TO_READ | TO_WRITE);
}

bool acl_is_writable(const wchar_t *path)
{
    return is_open_to_others(path, TO_WRITE);
}

bool acl_owner_is_trusted(const wchar_t *path)
{
    PSID owner = NULL;
    PSECURITY_DESCRIPTOR descriptor = NULL;
    if (GetNamedSecurityInfoW((wchar_t *)path, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION, &owner,
                              NULL, NULL, NULL, &descriptor) != ERROR_SUCCESS) {
        return false;
    }
    /* TrustedInstaller has no name of its own among the well-known ones */
    PSID installer = NULL;
    ConvertStringSidToSidA("S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464",
                           &installer);
    void *own[] = {token_user(), well_known(WinLocalSystemSid),
                   well_known(WinBuiltinAdministratorsSid)};
    bool trusted = installer && EqualSid(owner, installer);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        trusted = trusted || (own[i] && EqualSid(owner, own[i]));
        mem_free(own[i]);
    }
    LocalFree(installer);
    LocalFree(descriptor);
    return trusted;
}
