/* The files of an agent's identity. */
#include "agent/identity.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/paths.h"
#include "platform/state_folder.h"
#include "wire/pki.h"

#include <string.h>

#define FILE_KEY "agent.key"
#define FILE_CERT "agent.pem"
#define FILE_CA "ca.pem"
#define FILE_IDENTITY "identity.json"

bool identity_exists(const char *state_folder)
{
    char *path = paths_join(state_folder, FILE_IDENTITY);
    bool there = file_exists(path);
    mem_free(path);
    return there;
}

static int read_part(const char *folder, const char *name, char **out, struct err *e)
{
    char *path = paths_join(folder, name);
    struct buf text;
    buf_init(&text, PKI_PEM_MAX);
    int rc = file_read(path, PKI_PEM_MAX, &text, e);
    if (rc == 0) *out = buf_detach(&text);
    buf_fini(&text);
    mem_free(path);
    return rc;
}

static int write_part(const char *folder, const char *name, const char *text, enum file_mode mode,
                      struct err *e)
{
    char *path = paths_join(folder, name);
    int rc = file_write_atomic(path, text, strlen(text), mode, e);
    mem_free(path);
    return rc;
}

/* The key of a join that was cut off will be this agent's. */
static int check_key_file(const char *folder, struct err *e)
{
    static const char *const secrets[] = {FILE_KEY, FILE_KEY ".new"};
    return state_folder_check_access(folder, secrets, 2, e);
}

static int check_parts(const char *folder, const struct identity *id, struct err *e)
{
    struct pki_key *key = NULL;
    struct pki_cert_info info;
    int rc = pki_cert_info(id->ca_pem, &info, e);
    if (rc != 0) return err_wrap(e, "%s: " FILE_CA, folder);
    rc = pki_key_parse(id->key_pem, &key, e);
    if (rc != 0) return err_wrap(e, "%s: " FILE_KEY, folder);
    if (!pki_cert_matches_key(id->cert_pem, key))
        rc = err_set(e, ERR_CORRUPT,
                     "%s: " FILE_CERT " does not belong to " FILE_KEY
                     "; join again with 'cadre-agent join TOKEN --replace'",
                     folder);
    pki_key_free(key);
    return rc;
}

static int load_identity(const char *folder, struct identity *id, struct err *e)
{
    char *text = NULL;
    int rc = read_part(folder, FILE_IDENTITY, &text, e);
    if (rc == ERR_NOT_FOUND)
        return err_set(e, ERR_NOT_FOUND,
                       "this agent has not joined a coordinator yet (nothing in %s): run "
                       "'cadre-agent join TOKEN', with a "
                       "token from 'cadre token create join'",
                       folder);
    if (rc != 0) return rc;
    struct json *root = NULL;
    rc = json_parse(text, strlen(text), &root, e);
    if (rc != 0) err_wrap(e, "%s: " FILE_IDENTITY, folder);
    if (rc == 0) {
        id->agent = mem_strdup(json_get_str(root, "agent", NULL));
        if (!id->agent)
            rc = err_set(e, ERR_CORRUPT, "%s: " FILE_IDENTITY " has no \"agent\"", folder);
    }
    json_free(root);
    mem_free(text);
    return rc;
}

/* What is lost or damaged here comes back by joining alone. */
static int say_way_out(int rc, struct err *e)
{
    struct err why = *e;
    if (rc == ERR_DENIED || rc == ERR_IO || strstr(err_text(&why), "cadre-agent join")) return rc;
    return err_set(e, rc, "%s; join again with 'cadre-agent join TOKEN --replace'", err_text(&why));
}

int identity_load(const char *state_folder, struct identity *out, struct err *e)
{
    struct identity id = {0};
    int rc = load_identity(state_folder, &id, e);
    if (rc == 0) rc = check_key_file(state_folder, e);
    if (rc == 0) rc = read_part(state_folder, FILE_KEY, &id.key_pem, e);
    if (rc == 0) rc = read_part(state_folder, FILE_CERT, &id.cert_pem, e);
    if (rc == 0) rc = read_part(state_folder, FILE_CA, &id.ca_pem, e);
    if (rc == 0) rc = check_parts(state_folder, &id, e);
    if (rc != 0) {
        identity_fini(&id);
        return say_way_out(rc, e);
    }
    *out = id;
    return 0;
}

int identity_save(const char *state_folder, const struct identity *id, struct err *e)
{
    struct buf text;
    struct jw w;
    buf_init(&text, 4096);
    jw_init(&w, &text);
    jw_object(&w, NULL);
    jw_str(&w, "agent", id->agent);
    jw_end(&w);
    int rc = jw_finish(&w);
    if (rc == 0) rc = dir_make(state_folder, FILE_SECRET, e);
    if (rc == 0) rc = write_part(state_folder, FILE_KEY, id->key_pem, FILE_SECRET, e);
    if (rc == 0) rc = write_part(state_folder, FILE_CERT, id->cert_pem, FILE_PUBLIC, e);
    if (rc == 0) rc = write_part(state_folder, FILE_CA, id->ca_pem, FILE_PUBLIC, e);
    if (rc == 0) rc = write_part(state_folder, FILE_IDENTITY, text.data, FILE_PUBLIC, e);
    buf_fini(&text);
    return rc;
}

int identity_save_cert(const char *state_folder, const char *cert_pem, struct err *e)
{
    return write_part(state_folder, FILE_CERT, cert_pem, FILE_PUBLIC, e);
}

void identity_fini(struct identity *id)
{
    mem_free_secret(id->key_pem);
    mem_free(id->cert_pem);
    mem_free(id->ca_pem);
    mem_free(id->agent);
    memset(id, 0, sizeof *id);
}
