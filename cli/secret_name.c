/* See secret_name.h. */
#include "cli/secret_name.h"

#include "base/buf.h"
#include "base/str.h"
#include "cli/cli.h"

#include <string.h>

/* As a capital; NUL: not a letter. */
static char letter(char c)
{
    if (c >= 'a' && c <= 'z') return (char)(c - 'a' + 'A');
    return c >= 'A' && c <= 'Z' ? c : '\0';
}

static bool has(const char *name, const char *word)
{
    for (; *name; name++) {
        size_t n = 0;
        while (word[n] && letter(name[n]) == word[n])
            n++;
        if (!word[n]) return true;
    }
    return false;
}

/* The word stands in it between other signs than letters; `glued`: or ends it. */
static bool has_word(const char *name, const char *word, bool glued)
{
    size_t len = strlen(word), total = strlen(name);
    for (size_t i = 0; i + len <= total; i++) {
        size_t n = 0;
        while (n < len && letter(name[i + n]) == word[n])
            n++;
        bool begins = i == 0 || !letter(name[i - 1]) || (glued && name[i + len] == '\0');
        if (n == len && begins && !letter(name[i + len])) return true;
    }
    return false;
}

bool secret_name(const char *name)
{
    static const char *const parts[] = {"PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "CREDENTIAL"};
    static const char *const keys[] = {"API", "ACCESS", "PRIVATE", "SIGNING", "ENCRYPTION", "AUTH"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (has(name, parts[i])) return true;
    for (size_t i = 0; i < sizeof keys / sizeof *keys && has_word(name, "KEY", false); i++)
        if (has(name, keys[i])) return true;
    /* PWD and OLDPWD are the shell's own */
    return has_word(name, "TOKEN", true) || has_word(name, "TOKENS", true) ||
           has_word(name, "APIKEY", true) || has_word(name, "PASS", false) ||
           (has_word(name, "PWD", false) && strchr(name, '_'));
}

void secret_name_warn(const struct cli *cli, const struct opt_map *values, const char *what)
{
    struct buf names;
    size_t count = 0;
    buf_init(&names, 4096);
    for (size_t i = 0; i < values->count; i++) {
        if (!*values->items[i].value || !secret_name(values->items[i].key)) continue;
        (void)buf_addf(&names, "%s%s", count++ > 0 ? ", " : "", values->items[i].key);
    }
    if (count > 0)
        cli_note(cli,
                 "cadre: warning: %s keeps %s, and every token that may read it shows %s: a secret "
                 "belongs in a file on the agent",
                 what, names.data, count == 1 ? "the value" : "the values");
    buf_fini(&names);
}
