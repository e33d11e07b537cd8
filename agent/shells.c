/* Shells, wrappers and interpreter lines: see shells.h. */
#include "agent/shells.h"

#include "base/encoding.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/paths.h"
#include "platform/text.h"

#include <string.h>

#define ARGUMENTS_MAX 8
#define TEXT_MAX ((size_t)LIMIT_PAYLOAD_MAX * 2 + 4096) /* with other line ends */
#define MARK "\xef\xbb\xbf"

enum lines { LINES_KEPT, LINES_LF, LINES_CRLF };

struct shell {
    const char *name;
    const char *file; /* the script */
    enum lines lines;
    const char *argv[ARGUMENTS_MAX]; /* the file that is started follows */
};

static const struct shell shells[] = {
    {"sh", "cadre-script.sh", LINES_LF, {"sh", "-e"}},
    {"bash",
     "cadre-script.sh",
     LINES_LF,
     {"bash", "--noprofile", "--norc", "-e", "-o", "pipefail"}},
    {"powershell",
     "cadre-script.ps1",
     LINES_KEPT,
     {"powershell", "-NoLogo", "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass",
      "-File"}},
    {"pwsh",
     "cadre-script.ps1",
     LINES_KEPT,
     {"pwsh", "-NoLogo", "-NoProfile", "-NonInteractive", "-File"}},
    {"cmd", "cadre-script.cmd", LINES_CRLF, {"cmd", "/D", "/E:ON", "/V:OFF", "/C"}},
    {"python3", "cadre-script.py", LINES_KEPT, {"python3", "-u"}},
};

static const struct shell *shell_find(const char *name)
{
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
        if (str_eq(shells[i].name, name)) return &shells[i];
    return NULL;
}

/* ---- files --------------------------------------------------------------------------------- */

static struct shells_file *add_file(struct shells_layout *l, const char *name)
{
    struct shells_file *f = &l->files[l->file_count++];
    f->name = name;
    buf_init(&f->text, TEXT_MAX);
    return f;
}

static int add_lines(const char *script, enum lines lines, struct buf *out)
{
    if (lines == LINES_KEPT) return buf_adds(out, script);
    const char *end = lines == LINES_LF ? "\n" : "\r\n";
    int rc = 0;
    for (const char *p = script; rc == 0 && *p; p++) {
        if (*p == '\r' && p[1] == '\n') continue;
        rc = *p == '\n' ? buf_adds(out, end) : buf_addc(out, *p);
    }
    return rc;
}

/* ---- arguments ----------------------------------------------------------------------------- */

static void add_word(struct shells_layout *l, size_t *count, char *word)
{
    l->argv = mem_resize(l->argv, *count + 2, sizeof *l->argv);
    l->argv[(*count)++] = word;
    l->argv[*count] = NULL;
}

static void add_path(struct shells_layout *l, size_t *count, const char *folder, const char *file)
{
    add_word(l, count, paths_join(folder, file));
}

/* ---- PowerShell ---------------------------------------------------------------------------- */

/* Errors of PowerShell end the script with 1; else the code is that of `exit` or of the last native
 * command. The script is called from its own file, because `param`, `using`, `#requires` and
 * [CmdletBinding()] are allowed at the beginning of a file only. */
#define POWERSHELL_START(call)                                                                     \
    "$ErrorActionPreference = 'Stop'\n"                                                            \
    "$global:LASTEXITCODE = 0\n" call "& \"$PSScriptRoot/cadre-script.ps1\" @args\n"               \
    "exit $global:LASTEXITCODE\n"

/* PowerShell reads standard input into $input of the file that it is started with when that file
 * speaks of $input, and leaves standard input to others when not. */
static const char powershell_start[] = POWERSHELL_START("");
static const char powershell_start_input[] = POWERSHELL_START("$input | ");

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_word(char c)
{
    c = lower(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static bool begins_with(const char *text, const char *word)
{
    while (*word && lower(*text) == *word) {
        text++;
        word++;
    }
    return !*word;
}

static bool reads_input(const char *script)
{
    for (const char *p = script; (p = strchr(p, '$')) != NULL; p++) {
        if (begins_with(p, "${input}") || (begins_with(p, "$input") && !is_word(p[6]))) return true;
    }
    return false;
}

static int lay_out_powershell(const struct shell *shell, const char *script,
                              struct shells_layout *l)
{
    struct shells_file *file = add_file(l, shell->file);
    /* PowerShell 5.1 takes a file without a mark for text of the ANSI code page */
    int rc = str_eq(shell->name, "powershell") ? buf_adds(&file->text, MARK) : 0;
    if (rc == 0) rc = add_lines(script, shell->lines, &file->text);
    struct shells_file *start = add_file(l, "cadre-start.ps1");
    return rc ? rc
              : buf_adds(&start->text,
                         reads_input(script) ? powershell_start_input : powershell_start);
}

/* ---- cmd ----------------------------------------------------------------------------------- */

/* Without `call`, control does not come back: the code is the script's. */
#define CMD_CALL "\"%~dp0cadre-script.cmd\" %*\r\n"

static int lay_out_cmd(const struct shell *shell, const char *script, struct shells_layout *l)
{
    struct buf text;
    bool needs_utf8 = false;
    struct shells_file *file = add_file(l, shell->file);
    buf_init(&text, TEXT_MAX);
    int rc = add_lines(script, shell->lines, &text);
    if (rc == 0) rc = text_batch_encode(text.data, text.len, &file->text, &needs_utf8);
    buf_fini(&text);
    struct shells_file *start = add_file(l, "cadre-start.cmd");
    if (rc == 0) rc = buf_adds(&start->text, "@echo off\r\n");
    if (rc == 0 && needs_utf8) rc = buf_adds(&start->text, "chcp 65001 >nul\r\n");
    return rc ? rc : buf_adds(&start->text, CMD_CALL);
}

/* ---- "#!" ---------------------------------------------------------------------------------- */

/* "#! /usr/bin/env python3" as the kernel reads it (execve(2)): the interpreter's path, and all
 * that follows the blanks behind it as one argument. */
struct interpreter {
    const char *path, *argument;
    size_t path_len, argument_len; /* argument_len 0: none */
    bool crlf;                     /* the line ends with CRLF */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* false: the script begins with no such line, or its line names nothing. */
static bool interpreter_of(const char *script, struct interpreter *out)
{
    if (!str_starts(script, "#!")) return false;
    const char *at = script + 2, *end = at + strcspn(at, "\n");
    struct interpreter i = {.crlf = *end && end > at && end[-1] == '\r'};
    while (end > at && is_blank(end[-1]))
        end--;
    while (at < end && is_blank(*at))
        at++;
    i.path = at;
    while (at < end && !is_blank(*at))
        at++;
    i.path_len = (size_t)(at - i.path);
    while (at < end && is_blank(*at))
        at++;
    i.argument = at;
    i.argument_len = (size_t)(end - at);
    *out = i;
    return i.path_len > 0;
}

/* The interpreter is started with the file, as the kernel would do: so the work folder's file
 * system may be one from which nothing is executed. */
static int lay_out_interpreted(const struct interpreter *i, const char *script,
                               const char *work_folder, struct shells_layout *l)
{
    size_t count = 0;
    struct shells_file *file = add_file(l, "cadre-script");
    file->program = true; /* it may start itself again, with sudo for example */
    l->named_by = "the script's first line";
    add_word(l, &count, mem_strndup(i->path, i->path_len));
    if (i->argument_len > 0) add_word(l, &count, mem_strndup(i->argument, i->argument_len));
    add_path(l, &count, work_folder, file->name);
    return add_lines(script, i->crlf ? LINES_LF : LINES_KEPT, &file->text);
}

/* ---- all shells ---------------------------------------------------------------------------- */

static int lay_out_shell(const struct shell *shell, const char *script, struct shells_layout *l)
{
    if (str_ends(shell->file, ".ps1")) return lay_out_powershell(shell, script, l);
    if (str_ends(shell->file, ".cmd")) return lay_out_cmd(shell, script, l);
    return add_lines(script, shell->lines, &add_file(l, shell->file)->text);
}

static void add_command(const struct shell *shell, const char *work_folder, struct shells_layout *l)
{
    size_t count = 0;
    bool alone = str_eq(shell->name, "cmd") && text_batch_is_program();
    for (size_t i = 0; !alone && i < ARGUMENTS_MAX && shell->argv[i]; i++)
        add_word(l, &count, mem_strdup(shell->argv[i]));
    add_path(l, &count, work_folder, l->files[l->file_count - 1].name);
}

static void add_arguments(const struct text_list *args, struct shells_layout *l)
{
    size_t count = 0;
    while (l->argv[count])
        count++;
    for (size_t i = 0; i < args->count; i++)
        add_word(l, &count, mem_strdup(args->items[i]));
}

int shells_lay_out(const struct spec *s, const char *work_folder, struct shells_layout *out,
                   struct err *e)
{
    struct shells_layout l = {.file_count = 0};
    struct interpreter interpreter;
    const char *script = s->script + encoding_mark(s->script, strlen(s->script));
    const struct shell *shell = shell_find(s->shell ? s->shell : text_default_shell());
    if (!shell) return err_set(e, ERR_INVALID, "shell: '%s' is not a known shell", s->shell);
    int rc;
    if (!s->shell && text_has_interpreter_lines() && interpreter_of(script, &interpreter)) {
        rc = lay_out_interpreted(&interpreter, script, work_folder, &l);
    } else {
        rc = lay_out_shell(shell, script, &l);
        add_command(shell, work_folder, &l);
    }
    if (rc != 0) {
        shells_layout_fini(&l);
        return err_set(e, rc, "script: %s", err_sentence(rc));
    }
    add_arguments(&s->args, &l);
    *out = l;
    return 0;
}

void shells_layout_fini(struct shells_layout *l)
{
    for (size_t i = 0; i < l->file_count; i++)
        buf_fini(&l->files[i].text);
    for (size_t i = 0; l->argv && l->argv[i]; i++)
        mem_free(l->argv[i]);
    mem_free(l->argv);
    *l = (struct shells_layout){.file_count = 0};
}
