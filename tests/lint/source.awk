# Rules on C sources and headers that can be told line by line. Prints "file:line: rule: reason".
# Paths are relative to the root; a leading "./" is dropped.

function fail(rule, reason) { printf "%s:%d: %s: %s\n", path, FNR, rule, reason }

# The line without comments, with string and character contents emptied.
function code_of(line,    out, i, c, n, two) {
    out = ""
    n = length(line)
    if (!in_comment && index(line, "/") == 0 && index(line, "\"") == 0 && index(line, "'") == 0)
        return line
    for (i = 1; i <= n; i++) {
        c = substr(line, i, 1)
        two = substr(line, i, 2)
        if (in_comment) {
            if (two == "*/") { in_comment = 0; i++ }
        } else if (quote != "") {
            if (c == "\\") i++
            else if (c == quote) { quote = ""; out = out c }
        } else if (two == "/*") {
            in_comment = 1; i++
        } else if (two == "//") {
            line_comment = 1
            break
        } else {
            if (c == "\"" || c == "'") quote = c
            out = out c
        }
    }
    quote = ""
    return out
}

function starts(text, prefix) { return substr(text, 1, length(prefix)) == prefix }

# Is NAME called in CODE?
function calls(code, name) {
    return code ~ ("(^|[^A-Za-z0-9_.>])" name "[ \t]*\\(")
}

# ---- Includes ----

function is_seam(header) {
    if (header ~ /^(cjson\/|cJSON)/) return path == "base/json.c"
    if (header == "yaml.h") return path == "base/yaml.c"
    if (header ~ /^(mbedtls|psa)\//) return path ~ /^wire\/(tls|pki)[a-z0-9_]*\.[ch]$/
    if (header ~ /^llhttp/) return path ~ /^wire\/http[a-z0-9_]*\.c$/
    if (header == "curl/curl.h") return path == "notify/transfer.c"
    if (header == "libpq-fe.h") return path ~ /^coordinator\/store\/pg_[a-z_]*\.[ch]$/
    if (header == "sqlite3.h")
        return path ~ /^coordinator\/store\/sqlite[a-z0-9_]*\.[ch]$/ ||
            path ~ /^agent\/journal[a-z_]*\.c$/
    if (header ~ /^uv(\.h|\/)/)
        return path ~ /^(agent|cli|notify)\// || path ~ /^wire\/link_uv[a-z0-9_]*\.[ch]$/ ||
            path ~ /^platform\// ||
            (path ~ /^coordinator\// && folder != "coordinator/engine" &&
             folder != "coordinator/store")
    return 0
}

function is_third_party(header) {
    return header ~ /^(cjson\/|cJSON|yaml\.h$|mbedtls\/|psa\/|llhttp|sqlite3|uv\.h$|uv\/)/ ||
        header ~ /^(curl\/|cmocka|libpq)/
}

# The module of PostgreSQL waits for its server, and is found, by itself.
function is_of_module(header) {
    return (header == "poll.h" && path ~ /^coordinator\/store\/pg_(link|connect).c$/) ||
        (header == "dlfcn.h" && path == "coordinator/store/pg_load.c")
}

function is_standard(header) { return header in standard || is_of_module(header) }

function check_system_include(header) {
    if (top == "tests") return
    if (is_third_party(header)) {
        if (!is_seam(header))
            fail("third-party-seam", "<" header "> belongs in its one seam (CONTRIBUTING.md)")
        return
    }
    if (header == "time.h" && folder == "coordinator/schedule")
        fail("os-header", "<time.h>: moments and zones are handed in")
    if (!is_standard(header) && top != "platform" && folder != "installer/msi")
        fail("os-header", "<" header "> is not of the C library; ask platform/ for what it gives")
}

function is_model(header) { return header ~ /^coordinator\/store\/model(_flow)?\.h$/ }

function check_own_include(header,    to) {
    if (header == "cadre_version.h" || top == "tests") return
    if (index(header, "/") == 0 || index(header, "..") > 0) {
        fail("include-direction", "write \"" header "\" from the root, as \"folder/file.h\"")
        return
    }
    if (top == "cli" && header == "coordinator/flow/flow.h") return # pure; for flow validate
    to = header
    sub(/\/.*/, "", to)
    if (!((top, to) in may_include)) {
        fail("include-direction", top "/ may not include " to "/")
        return
    }
    if (folder == "coordinator/engine" && to != "base" &&
        !starts(header, "coordinator/engine/") && !starts(header, "coordinator/flow/") &&
        !starts(header, "coordinator/schedule/") && header != "coordinator/store/store.h" &&
        header != "coordinator/store/store_flow.h" &&
        header != "coordinator/store/model_token.h" &&
        header != "coordinator/store/model_run.h" && !is_model(header) && !is_vocabulary(header))
        fail("include-direction", "the engine sees base, flow, schedule, store.h, " \
             "model.h, model_flow.h, model_token.h " \
             "and wire's lease.h, limits.h, fields.h, output_account.h and spec.h alone")
    if (folder == "coordinator/store" && to != "base" && !starts(header, "coordinator/store/"))
        fail("include-direction", "the store sees base and itself alone")
    if (folder == "coordinator/flow" && to != "base" && !starts(header, "coordinator/flow/") &&
        !starts(header, "coordinator/schedule/") && !is_model(header) && !is_vocabulary(header))
        fail("include-direction", "the flow language sees base, itself, schedule, model.h, " \
             "model_flow.h and wire's lease.h, limits.h, fields.h and spec.h alone")
    if (folder == "coordinator/schedule" && to != "base" && !starts(header, folder "/"))
        fail("include-direction", "cron and time zones see base and themselves alone")
    if ((starts(header, "platform/linux/") && folder != "platform/linux") ||
        (starts(header, "platform/windows/") && folder != "platform/windows"))
        fail("include-direction", "only platform's own twin may include " header)
}

# What a job and a lease are: pure headers of wire that the coordinator inside may see, too.
function is_vocabulary(header)
{
    return header == "wire/lease.h" || header == "wire/limits.h" || header == "wire/fields.h" ||
           header == "wire/output_account.h" || header == "wire/spec.h"
}

function allow(from, list,    parts, n, i) {
    n = split(list, parts, " ")
    for (i = 1; i <= n; i++) may_include[from, parts[i]] = 1
}

BEGIN {
    allow("base", "base")
    allow("wire", "base wire")
    allow("platform", "base platform")
    allow("agent", "base wire platform agent")
    allow("coordinator", "base wire platform coordinator")
    allow("cli", "base wire platform cli")
    allow("notify", "base wire platform notify")
    allow("installer", "base platform")
    banned_count = split("strcpy strcat strncpy strncat sprintf vsprintf strtok gets " \
                         "gmtime localtime asctime ctime gmtime_r localtime_r mktime timegm " \
                         "tzset strftime strptime atoi atol atoll atof " \
                         "scanf fscanf sscanf vscanf vfscanf vsscanf " \
                         "system popen rand srand tmpnam tempnam mktemp alloca", banned, " ")
    better["strcpy"] = better["strcat"] = "base/str.h or base/buf.h"
    better["strncpy"] = better["strncat"] = better["strcpy"]
    better["sprintf"] = better["vsprintf"] = "snprintf or base/buf.h"
    better["gmtime"] = better["localtime"] = better["asctime"] = better["ctime"] = "base/duration.h"
    zones = split("gmtime_r localtime_r mktime timegm tzset strftime strptime", names, " ")
    for (n = 1; n <= zones; n++) better[names[n]] = "coordinator/schedule or base/duration.h"
    better["atoi"] = better["atol"] = better["atoll"] = "a parser that reports errors"
    better["atof"] = better["atoi"]
    better["system"] = better["popen"] = "platform/process.h"
    better["rand"] = better["srand"] = "the random interface of base/clock.h"
    n = split("assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp " \
              "signal stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn " \
              "string time wchar wctype", names, " ")
    for (i = 1; i <= n; i++) standard[names[i] ".h"] = 1
    alloc_count = split("malloc calloc realloc strdup strndup", alloc, " ")
}

# ---- Per file ----

FNR == 1 {
    end_file()
    path = FILENAME
    sub(/^\.\//, "", path)
    top = path
    sub(/\/.*/, "", top)
    folder = path
    sub(/\/[^\/]*$/, "", folder)
    if (top == "coordinator" && split(folder, deep, "/") > 2) folder = deep[1] "/" deep[2]
    in_comment = 0
    function_line = 0
    file_lines = 0
    head = ""
}

# Files that may ask the store's reader: those that run on the reader thread, the one that opens and
# closes the reader, and `init`, which runs before there is a loop.
function may_read() {
    return top != "coordinator" || folder == "coordinator/store" || folder == "coordinator/reads" ||
        path == "coordinator/coordinator.c" || path == "coordinator/initialise.c" ||
        path == "coordinator/shared.c" # opens it
}

# ---- Functions ----

# How many parameters has the function whose definition begins with TEXT?
function parameters(text,    i, n, c, depth, count) {
    n = length(text)
    for (i = index(text, "("); i > 0 && i <= n; i++) {
        c = substr(text, i, 1)
        if (c == "(") depth++
        else if (c == ")" && --depth == 0) break
        else if (c == "," && depth == 1) count++
    }
    return count + 1
}

function end_file() {
    limit = path == "coordinator/store/store.h" ? 260 : 200
    if (path ~ /\.h$/ && file_lines > limit)
        printf "%s:%d: header-length: %d lines, the limit is %d\n",
            path, file_lines, file_lines, limit
    if (file_lines > 1000)
        printf "%s:%d: file-length: %d lines, the limit is 1000\n", path, file_lines, file_lines
}
END { end_file() }

{
    file_lines = FNR
    line_comment = 0
    was_comment = in_comment
    code = code_of($0)

    if (line_comment)
        fail("comment-style", "comments are written /* */")

    # A quoted path is emptied in `code`, so includes are read from the line itself.
    if (!was_comment && $0 ~ /^[ \t]*#[ \t]*include[ \t]*[<"]/) {
        header = $0
        sub(/^[ \t]*#[ \t]*include[ \t]*/, "", header)
        own = substr(header, 1, 1) == "\""
        header = substr(header, 2)
        sub(/[>"].*/, "", header)
        if (own) check_own_include(header)
        else check_system_include(header)
    }

    if (top != "platform" && top != "tests" &&
        code ~ ("(^|[^A-Za-z0-9_])(_WIN32|_WIN64|__linux__|__linux|__unix__|__APPLE__|" \
                "__MINGW32__|__MINGW64__|_MSC_VER)($|[^A-Za-z0-9_])"))
        fail("os-ifdef", "what differs between systems lives in platform/")

    if ($0 ~ /(^|[^A-Za-z0-9_])(TODO|FIXME|XXX|HACK)($|[^A-Za-z0-9_])/)
        fail("unfinished", "do it, or open an issue")
    else if ($0 !~ /501/ &&
             tolower($0) ~ /(^|[^a-z])(for now|not implemented|not yet implemented)($|[^a-z])/)
        fail("unfinished", "sounds unfinished: say what is, not what may come")

    if (index(code, "(") > 0) {
        for (i = 1; i <= banned_count; i++)
            if (index(code, banned[i]) > 0 && calls(code, banned[i]))
                fail("banned-function", banned[i] "()" \
                     (banned[i] in better ? ": use " better[banned[i]] : ""))
        if (top != "tests" && path != "base/mem.c")
            for (i = 1; i <= alloc_count; i++)
                if (index(code, alloc[i]) > 0 && calls(code, alloc[i]))
                    fail("raw-allocation", alloc[i] "(): memory comes from base/mem.h")
    }

    # The reader waits for the disk, which the loop thread never does.
    if (index(code, "reader_") > 0 && !may_read() &&
        code ~ /(^|[^A-Za-z0-9_])reader_[a-z0-9_]+[ \t]*\(/)
        fail("reader-thread", "asks the reader on the loop thread; may_read() in source.awk")

    if (top != "tests" && path != "base/log.c" && code ~ /^static [^(]*[;=]/ &&
        code !~ /(^|[^A-Za-z0-9_])const($|[^A-Za-z0-9_])/)
        fail("mutable-global", "file-scope data that can change; keep it in a struct")

    # What stands between the last statement and a "{" in the first column is a function's head.
    if (code ~ /^{/) {
        function_line = FNR
        if (top != "tests" && parameters(head) > 6)
            fail("parameters", parameters(head) " parameters, the limit is 6: pass a struct")
    }
    if (code ~ /^[{}#]|[;}]$/) head = ""
    else if (!function_line) head = head code
    if (code ~ /^}/) {
        if (function_line && FNR - function_line - 1 > 100)
            fail("function-length", FNR - function_line - 1 " lines, the limit is 100")
        function_line = 0
    }
}
