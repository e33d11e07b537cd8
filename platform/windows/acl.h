/* Who may read our files: SYSTEM, Administrators, the account that runs us and the agent service's
 * account. */
#ifndef CADRE_PLATFORM_WINDOWS_ACL_H
#define CADRE_PLATFORM_WINDOWS_ACL_H

#include <stdbool.h>
#include <wchar.h>

/* A security descriptor that lets only them in, inherited by what is made in a folder; NULL when it
 * cannot be made. acl_free. */
void *acl_secret(bool folder);
void acl_free(void *descriptor);
/* May anybody else read or write the file, or write it (or make files in the folder)? False when
 * it cannot be told (it is not there). */
bool acl_is_exposed(const wchar_t *path);
bool acl_is_writable(const wchar_t *path);
/* Does it belong to SYSTEM, Administrators, TrustedInstaller, or the account that runs us? False
 * when it cannot be told. */
bool acl_owner_is_trusted(const wchar_t *path);
/* Puts acl_secret on what exists. */
bool acl_protect(const wchar_t *path, bool folder);
/* For the folder that holds configuration, state and logs, or one in it: SYSTEM and Administrators
 * may do everything, the service's account reads (or writes), nobody else gets in. Holds for what
 * is in it already, too. */
bool acl_protect_house(const wchar_t *path, bool service_writes);
/* The SID of an account, NAME or DOMAIN\NAME, "." for this machine; mem_free. NULL: there is no
 * such account. */
void *acl_account_sid(const wchar_t *name);

#endif
