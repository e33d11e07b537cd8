#include "coordinator/host_zone.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/yaml.h"
#include "coordinator/zone_files.h"
#include "platform/capabilities.h"
#include "platform/files.h"
#include "platform/text_file.h"

#include <string.h>

/* Is it a zone that the coordinator will find, too? */
static bool is_known(const struct config *c, const char *name)
{
    struct config probe = *c;
    struct zones *t = NULL;
    uint64_t sum;
    probe.timezone = (char *)name;
    int rc = zone_files_read(&probe, &t, &sum, NULL);
    zones_free(t);
    return rc == 0;
}

/* Is the text YAML in which `timezone` is that zone? Where braces are around everything, for
 * example, a line at the end does not do. */
static bool says(const struct buf *text, const char *name)
{
    struct yaml_doc d = {0};
    bool good = yaml_parse("coordinator.yaml", text->data, text->len, &d, NULL) == 0 &&
                str_eq(json_str(json_get(d.root, "timezone"), NULL), name);
    yaml_doc_fini(&d);
    return good;
}

static bool append(const char *path, const char *name)
{
    struct buf text;
    buf_init(&text, YAML_MAX_BYTES);
    bool good = text_file_read(path, YAML_MAX_BYTES / 2, &text, NULL) == 0;
    if (good) {
        const char *gap = text.len > 0 && text.data[text.len - 1] != '\n' ? "\n" : "";
        buf_addf(&text,
                 "%s\n# Time zone of schedules that name none: that of this host when the "
                 "coordinator was made.\ntimezone: %s\n",
                 gap, name);
        good = says(&text, name) &&
               file_write_atomic(path, text.data, text.len, FILE_PUBLIC, NULL) == 0;
    }
    buf_fini(&text);
    return good;
}

char *host_zone_write(const struct config *c)
{
    char *advice = NULL;
    if (config_source(c, "CADRE_TIMEZONE") != OPT_FROM_DEFAULT) return NULL;
    char *name = capabilities_timezone();
    bool named = config_source(c, "CADRE_CONFIG") != OPT_FROM_DEFAULT;
    if (name && is_known(c, name) && !(named && append(c->config_path, name)))
        advice = str_dupf("schedules that name no time zone go by UTC; for that of this host put "
                          "'timezone: %s' into %s",
                          name, c->config_path);
    mem_free(name);
    return advice;
}
