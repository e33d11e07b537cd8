/* See config_file.h. */
#include "platform/config_file.h"

#include "base/buf.h"
#include "base/yaml.h"
#include "platform/text_file.h"

int config_file_load(struct opt_set *s, const char *path, bool needed, struct err *e)
{
    struct buf text;
    struct err why = {0};
    struct yaml_doc doc = {0};
    buf_init(&text, YAML_MAX_BYTES);
    int rc = text_file_read(path, YAML_MAX_BYTES, &text, &why);
    bool there = rc != ERR_NOT_FOUND;
    if (!there && needed)
        (void)err_set(&why, rc, "%s; --config or CADRE_CONFIG names it", err_text(&why));
    if (rc == 0) rc = yaml_parse(path, text.data, text.len, &doc, &why);
    if (rc != 0 && (there || needed)) (void)opt_goes_on(s, &why); /* collected with the others */
    if (rc == 0) rc = opt_parse_file(s, path, &doc, &why);
    yaml_doc_fini(&doc);
    buf_fini(&text);
    if (!there && !needed) return 0;
    if (rc != 0 && e) *e = why;
    return rc;
}
