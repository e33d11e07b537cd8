#!/bin/sh
# Proves that each lint rule catches what it is for: a clean tree passes every rule, and every
# planted violation is reported by its rule, at its file and line.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
tree=$tmp/tree
failed=0
CADRE_LINT_PENDING= # here every rule counts
export CADRE_LINT_PENDING

# A small tree in which every rule has something to look at and nothing to find.
clean_tree() {
    rm -rf "$tree" "$tmp/build"
    mkdir -p "$tree/base" "$tree/wire" "$tree/platform/linux" "$tree/agent" "$tree/cli" \
        "$tree/coordinator/engine" "$tree/coordinator/flow" "$tree/coordinator/schedule" \
        "$tree/coordinator/store" \
        "$tree/tests/unit/base"
    cp "$here/../../.clang-format" "$tree/"
    cat >"$tree/base/thing.h" <<'END'
/* A thing. */
#ifndef CADRE_BASE_THING_H
#define CADRE_BASE_THING_H

#include <stddef.h>

size_t thing_size(void);

#endif
END
    cat >"$tree/base/thing.c" <<'END'
#include "base/thing.h"

/* Not system() and not _WIN32: this is a comment. */
size_t thing_size(void)
{
    const char *text = "strcpy(a, b) // malloc(1)";

    return sizeof(text);
}
END
    cp "$tree/base/thing.h" "$tree/wire/thing.h"
    cp "$tree/base/thing.h" "$tree/agent/thing.h"
    cp "$tree/base/thing.h" "$tree/coordinator/store/store.h"
    cp "$tree/base/thing.h" "$tree/coordinator/store/reader.h"
    echo 'cadre_library(cadre_base SOURCES thing.c)' >"$tree/base/CMakeLists.txt"
    for folder in wire platform agent cli coordinator; do
        echo '# empty' >"$tree/$folder/CMakeLists.txt"
    done
    printf '#!/bin/sh\necho fine\n' >"$tree/run.sh"
}

lint() { sh "$here/run.sh" --root "$tree" --build "$tmp/build" "$@" >"$tmp/out" 2>&1; }

# compile: the tree's sources become objects where CMake would put them.
compile() {
    (cd "$tree" && find base coordinator -name '*.c') | while read -r source; do
        object=$tmp/build/${source%/*}/CMakeFiles/planted.dir/${source##*/}.o
        mkdir -p "${object%/*}"
        gcc -w -I "$tree" -c -o "$object" "$tree/$source"
    done
}

# expect RULE FILE LINE NAME: the tree, with something planted, fails RULE right there.
expect() {
    if lint "$1"; then
        failed=$((failed + 1))
        echo "not ok - lint self-test: $4: was not noticed"
    elif grep -q "^$2:$3: $1: ." "$tmp/out"; then
        echo "ok - lint self-test: $4"
    else
        failed=$((failed + 1))
        cat "$tmp/out"
        echo "not ok - lint self-test: $4: reported elsewhere"
    fi
    clean_tree
}

# plant FILE TEXT: FILE with that text, listed for the build.
plant() {
    mkdir -p "$(dirname "$tree/$1")"
    printf '%b\n' "$2" >"$tree/$1"
}

# passes RULE NAME: the tree, with something planted, keeps RULE.
passes() {
    if lint "$1" && grep -q "^ok - lint: $1\$" "$tmp/out"; then
        echo "ok - lint self-test: $2"
    else
        failed=$((failed + 1))
        cat "$tmp/out"
        echo "not ok - lint self-test: $2"
    fi
    clean_tree
}

clean_tree
if lint; then
    echo "ok - lint self-test: a clean tree passes"
else
    failed=$((failed + 1))
    cat "$tmp/out"
    echo "not ok - lint self-test: a clean tree passes"
fi

plant base/x.c '#include "wire/thing.h"'
expect include-direction base/x.c 1 "base includes wire"
plant wire/x.c '\n#include "platform/process.h"'
expect include-direction wire/x.c 2 "wire includes platform"
plant platform/linux/x.c '#include "wire/thing.h"'
expect include-direction platform/linux/x.c 1 "platform includes wire"
plant agent/x.c '#include "coordinator/store/store.h"'
expect include-direction agent/x.c 1 "agent includes coordinator"
plant cli/x.c '#include "agent/thing.h"'
expect include-direction cli/x.c 1 "cli includes agent"
plant cli/x.c '#include "coordinator/store/store.h"'
expect include-direction cli/x.c 1 "cli includes the coordinator beyond the flow language"
plant installer/msi/x.c '#include "agent/setup.h"'
expect include-direction installer/msi/x.c 1 "the installer includes the agent"
plant agent/x.c '#include "thing.h"'
expect include-direction agent/x.c 1 "an include is not written from the root"
plant base/x.c '#include "base/../wire/thing.h"'
expect include-direction base/x.c 1 "an include goes through a parent folder"
plant coordinator/engine/x.c '#include "coordinator/store/reader.h"'
expect include-direction coordinator/engine/x.c 1 "the engine includes the store's insides"
plant coordinator/engine/x.c '#include "wire/thing.h"'
expect include-direction coordinator/engine/x.c 1 "the engine includes wire"
plant coordinator/flow/x.c '#include "coordinator/store/store.h"'
expect include-direction coordinator/flow/x.c 1 "the flow language includes the store"
plant coordinator/schedule/x.c '#include "coordinator/store/model.h"'
expect include-direction coordinator/schedule/x.c 1 "schedules include the store"
plant coordinator/schedule/x.c '#include <time.h>'
expect os-header coordinator/schedule/x.c 1 "schedules include time.h"
plant coordinator/store/x.c '#include "coordinator/engine/engine.h"'
expect include-direction coordinator/store/x.c 1 "the store includes the engine"
plant coordinator/store/x.c '#include "platform/files.h"'
expect include-direction coordinator/store/x.c 1 "the store includes platform"
plant agent/x.c '#include "platform/linux/process.h"'
expect include-direction agent/x.c 1 "a system's twin is included from outside"

plant base/x.c '#include <cjson/cJSON.h>'
expect third-party-seam base/x.c 1 "cJSON outside base/json.c"
plant base/x.c '#include <yaml.h>'
expect third-party-seam base/x.c 1 "libyaml outside base/yaml.c"
plant agent/x.c '#include <mbedtls/ssl.h>'
expect third-party-seam agent/x.c 1 "mbedTLS outside wire/tls"
plant wire/x.c '#include <llhttp.h>'
expect third-party-seam wire/x.c 1 "llhttp outside wire/http.c"
plant coordinator/engine/x.c '#include <sqlite3.h>'
expect third-party-seam coordinator/engine/x.c 1 "SQLite outside its files"
plant coordinator/engine/x.c '#include <uv.h>'
expect third-party-seam coordinator/engine/x.c 1 "libuv in the engine"
plant base/x.c '# include <uv.h>'
expect third-party-seam base/x.c 1 "libuv in base"
plant cli/x.c '#include <curl/curl.h>'
expect third-party-seam cli/x.c 1 "libcurl outside notify/transfer.c"
plant coordinator/store/x.c '#include <libpq-fe.h>'
expect third-party-seam coordinator/store/x.c 1 "libpq outside its module"
plant agent/x.c '#include <cmocka.h>'
expect third-party-seam agent/x.c 1 "cmocka outside the tests"

plant base/x.c '#include <unistd.h>'
expect os-header base/x.c 1 "a system's header in base"
plant agent/x.c '#include <windows.h>'
expect os-header agent/x.c 1 "a system's header in the agent"
plant agent/x.c '#ifdef _WIN32\n#endif'
expect os-ifdef agent/x.c 1 "a system's macro in the agent"
plant cli/x.c 'int a;\n#if defined(__linux__)\n#endif'
expect os-ifdef cli/x.c 2 "a system's macro in the command line"

for name in strcpy strcat sprintf strtok gmtime localtime mktime tzset atoi scanf sscanf system \
    popen rand; do
    plant base/x.c "int f(void)\n{\n    return (int)$name(x);\n}"
    expect banned-function base/x.c 3 "$name()"
done
plant tests/unit/base/x.c 'int f(void)\n{\n    return system("true");\n}'
expect banned-function tests/unit/base/x.c 3 "system() in a test"
plant agent/x.c 'void *f(void)\n{\n    return malloc(4);\n}'
expect raw-allocation agent/x.c 3 "malloc() outside base/mem.c"
plant agent/x.c 'static int count;'
expect mutable-global agent/x.c 1 "file-scope data that can change"
plant agent/x.c '\nstatic struct pool pool = {0};'
expect mutable-global agent/x.c 2 "file-scope data with an initialiser"
plant base/x.c '/* TO''DO: later */'
expect unfinished base/x.c 1 "a note of unfinished work"
plant base/x.c '/* one is enough for no''w */'
expect unfinished base/x.c 1 "words that sound unfinished"
plant run.sh '#!/bin/sh\n# FIX''ME'
expect unfinished run.sh 2 "a note of unfinished work in a script"
plant base/x.c 'int a; // comment'
expect comment-style base/x.c 1 "a // comment"

awk 'BEGIN { for (i = 0; i < 1001; i++) print "" }' >"$tree/base/x.c"
expect file-length base/x.c 1001 "a file of 1001 lines"
awk 'BEGIN { print "void f(void)\n{"; for (i = 0; i < 101; i++) print "    g();"; print "}" }' \
    >"$tree/base/x.c"
expect function-length base/x.c 104 "a function of 101 lines"
awk 'BEGIN { print "void f(void)\n{"; for (i = 0; i < 100; i++) print "    g();"; print "}" }' \
    >"$tree/base/x.c"
passes function-length "a function of 100 lines passes"

lines() { awk -v n="$1" -v text="$2" 'BEGIN { for (i = 0; i < n; i++) print text }'; }
lines 201 '' >"$tree/base/x.h"
expect header-length base/x.h 201 "a header of 201 lines"
lines 200 '' >"$tree/base/x.h"
passes header-length "a header of 200 lines passes"
lines 261 '' >"$tree/coordinator/store/store.h"
expect header-length coordinator/store/store.h 261 "a store.h of 261 lines"
lines 260 '' >"$tree/coordinator/store/store.h"
passes header-length "a store.h of 260 lines passes"

plant base/x.c 'int f(int a, int b, int c, int d,\n      int e, int f, int g)\n{\n}'
expect parameters base/x.c 3 "a function of seven parameters"
plant base/x.c 'static int f(int a, int b, int c, int d, int e, int (*f)(int, int), int g)\n{\n}'
expect parameters base/x.c 2 "a function of seven parameters, one of them a function"
plant base/x.c 'int a[] = {1, 2, 3, 4, 5, 6, 7};\nint f(int a, int (*b)(int, int), int c)\n{\n}'
passes parameters "a function of three parameters passes"
plant base/x.c 'int f(int a, int b, int c, int d, int e, int f)\n{\n    g(1, 2, 3, 4, 5, 6, 7);\n}'
passes parameters "a call with seven arguments passes"

long=$(echo | awk '{ while (length($0) < 101) $0 = $0 "x"; print }')
plant base/x.c "/* $long */"
expect line-length base/x.c 1 "a line of 107 columns"
plant tests/unit/base/x.c "\n$long"
expect line-length tests/unit/base/x.c 2 "a line of 101 columns in a test"
plant run.sh "#!/bin/sh\n$long"
expect line-length run.sh 2 "a line of 101 columns in a script"
plant cmake/x.cmake "$long"
expect line-length cmake/x.cmake 1 "a line of 101 columns for CMake"
plant base/x.c "/* $(echo | awk '{ while (length($0) < 92) $0 = $0 "x"; print }')\303\274. */"
passes line-length "a line of 100 columns in 101 bytes passes"

plant CMakeLists.txt 'project(cadre VERSION 3.10.0 LANGUAGES C)'
plant docs/x.md 'Get it:\ncadre-agent-3.10.0-x64.msi'
expect version docs/x.md 2 "the version in a document"
plant CMakeLists.txt 'project(cadre VERSION 3.10.0 LANGUAGES C)'
plant docs/x.md '13.10.0 3.10.01 3.1000 3x10.0 3.10.0.1'
passes version "other numbers pass"

plant coordinator/api/x.c 'int f(void)\n{\n    return reader_job_find(r, 1);\n}'
expect reader-thread coordinator/api/x.c 3 "a handler that asks the reader"
plant coordinator/store/x.c 'int f(void)\n{\n    return reader_job_find(r, 1);\n}'
passes reader-thread "the store's own call of the reader passes"
plant agent/x.c 'int f(void)\n{\n    return frame_reader_next(r);\n}'
passes reader-thread "another function whose name ends so passes"

# ---- Rules that read the objects of a build ----

plant base/x.c 'int y(void);\nint x(void)\n{\n    return y();\n}'
plant base/y.c 'int x(void);\nint y(void)\n{\n    return x();\n}'
compile
expect circle base/x.c 1 "two files that call each other"
plant base/x.c 'int z(void);\nint x(void)\n{\n    return z();\n}'
plant base/y.c 'extern int a;\nint y(void)\n{\n    return a;\n}'
plant coordinator/z.c 'int y(void);\nint a;\nint z(void)\n{\n    return y();\n}'
compile
expect circle base/y.c 1 "a circle over folders that a use of data closes"
plant base/x.c 'int y(void);\nint x(void)\n{\n    return y();\n}'
plant base/y.c 'static int x(void)\n{\n    return 1;\n}\nint y(void)\n{\n    return x();\n}'
compile
passes circle "a call downwards and a static function of the same name pass"
plant base/x.c 'int x;'
compile
touch -d '1 hour ago' "$tmp/build/base/CMakeFiles/planted.dir/x.c.o"
if lint circle && grep -q '^skip - lint: circle: because .* older than base/x.c' "$tmp/out"; then
    echo "ok - lint self-test: objects older than their source are not believed"
else
    failed=$((failed + 1))
    echo "not ok - lint self-test: objects older than their source are not believed"
fi
clean_tree

floors() { plant tests/lint/floors.txt "folder coordinator/engine\n# lowest first\n$1"; }
floors 'core: low\ntop: high'
plant coordinator/engine/low.c 'int high(void);\nint low(void)\n{\n    return high();\n}'
plant coordinator/engine/high.c 'int high(void)\n{\n    return 1;\n}'
compile
expect floor coordinator/engine/low.c 1 "a call to a higher floor"
floors 'core: low other\ntop: high'
plant coordinator/engine/low.c 'int other(void);\nint low(void)\n{\n    return other();\n}'
plant coordinator/engine/other.c 'int other(void)\n{\n    return 1;\n}'
plant coordinator/engine/high.c 'int low(void);\nint high(void)\n{\n    return low();\n}'
compile
passes floor "calls downwards and on the same floor pass"
floors 'core: low\nfolder coordinator/other\ncore: deep\ntop: high'
plant coordinator/engine/low.c 'int high(void);\nint low(void)\n{\n    return high();\n}'
plant coordinator/other/deep.c 'int deep;'
plant coordinator/other/high.c 'int high(void)\n{\n    return 1;\n}'
compile
passes floor "a call into another folder, whose floors are its own, passes"
floors 'core: low'
plant coordinator/engine/low.c 'int low;'
plant coordinator/engine/high.c 'int high;'
compile
expect floor coordinator/engine/high.c 1 "a file on no floor"
floors 'core: low gone'
plant coordinator/engine/low.c 'int low;'
compile
expect floor coordinator/engine/gone.c 1 "a floor's file that is not there"

plant base/x.c 'int same(void)\n{\n    return 1;\n}'
plant coordinator/y.c 'int same(void)\n{\n    return 2;\n}'
compile
expect same-name coordinator/y.c 1 "two exported functions of one name"
plant base/x.c 'static int same(void)\n{\n    return 1;\n}'
plant coordinator/y.c 'int same(void)\n{\n    return 2;\n}\nint main(void)\n{\n}'
plant coordinator/z.c 'int main(void)\n{\n}'
compile
passes same-name "static functions and two mains pass"

plant base/x.c 'int a;\n\tint b;'
expect whitespace base/x.c 2 "a tab"
plant base/x.c 'int a; \nint b;'
expect whitespace base/x.c 1 "a space at the end of a line"
plant base/x.c 'int a;\r'
expect whitespace base/x.c 1 "a carriage return"
printf 'int a;\nint b;' >"$tree/base/x.c"
expect whitespace base/x.c 1 "no newline at the end of a file"

if lint format && grep -q '^skip' "$tmp/out"; then
    echo "skip - lint self-test: format: clang-format 14 is not here"
else
    plant base/x.c 'int f(void)\n{\n  return 1;\n}'
    expect format base/x.c 2 "indentation of 2"
fi

plant base/x.h '#ifndef CADRE_BASE_X_H\n#define CADRE_BASE_X_H\nsize_t f(void);\n#endif'
expect header-alone base/x.h 1 "a header that needs another one first"
plant base/x.h '#include <stddef.h>'
expect header-guard base/x.h 1 "a header without a guard"
plant base/forgotten.c 'int a;'
expect unlisted-source base/forgotten.c 1 "a source that no CMakeLists.txt names"
plant base/forgotten.c 'int a;'
echo '# forgotten.c' >>"$tree/base/CMakeLists.txt"
expect unlisted-source base/forgotten.c 1 "a source that only a comment names"
plant base/CMakeLists.txt 'cadre_library(cadre_base\n    SOURCES thing.c gone.c)'
expect missing-source base/CMakeLists.txt 2 "a listed source that is not there"
plant tests/unit/base/CMakeLists.txt 'cadre_unit_test(gone LIBS cadre_base)'
expect missing-source tests/unit/base/CMakeLists.txt 1 "a listed test that is not there"
plant run.sh '#!/bin/sh\nif true; then'
expect shell-syntax run.sh 1 "a script that does not parse"
plant run.sh '#!/bin/bash\ntrue'
expect shell-syntax run.sh 1 "a script for another shell"

printf 'a\000b' >"$tree/base/blob"
expect foreign-file base/blob 1 "a binary"
plant base/thing.o 'x'
expect foreign-file base/thing.o 1 "an object file"
plant wire/cJSON.c 'int a;'
expect foreign-file wire/cJSON.c 1 "a library's source"
plant vendor/lib.c 'int a;'
expect foreign-file vendor/lib.c 1 "a folder of other people's code"
awk 'BEGIN { for (i = 0; i < 60000; i++) print "0123456789" }' >"$tree/base/table.txt"
expect foreign-file base/table.txt 1 "a file of 600 KB"

page='{\n"dependencies": {\n"preact": "1"\n},\n"devDependencies": {\n"esbuild": "1"\n}\n}'
plant web/package.json "$page"
plant web/src/a.js 'import { h } from "preact";\nimport "preact/hooks";\nimport b from "./b";\nh();'
passes page-source "imports of dependencies and of files of the page pass"
plant web/package.json "$page"
plant web/src/a.js 'import x from "lodash";\nx();'
expect page-source web/src/a.js 1 "an import of what is no dependency"
plant web/package.json "$page"
plant web/src/a.js 'import x from "esbuild";'
expect page-source web/src/a.js 1 "an import of a tool"
plant web/src/a.js 'import {a,\n    b as c, d} from "./b.js";\na(d);'
expect page-source web/src/a.js 2 "an import that is not used"
plant web/src/a.js 'export const lone = 1;\nexport function b() {\n    return lone;\n}'
plant web/src/b.js 'import {b as c} from "./a.js";\nc();'
expect page-source web/src/a.js 1 "an export that no other file uses"
plant web/src/a.js 'export const a = 1;'
plant web/src/b.js 'import {a as b} from "./a.js";\nb();'
passes page-source "what is imported by another name passes"
plant web/src/a.js 'let a;\nbox.innerHTML = text;'
expect page-source web/src/a.js 2 "markup made of text"
plant web/src/a.js 'eval("1");'
expect page-source web/src/a.js 1 "code made of text"
plant web/src/a.js '/*! @license MIT */'
expect page-source web/src/a.js 1 "the code of others"
plant web/src/b.html '<p style="color: red">x</p>'
expect page-source web/src/b.html 1 "a style in an attribute"
plant web/src/b.html '<p>x</p>\n<script>go()</script>'
expect page-source web/src/b.html 2 "a script in the page"
plant web/src/b.html '<script src="app.js"></script>'
passes page-source "a script from its file passes"
plant web/lib.min.js 'x'
expect page-source web/lib.min.js 1 "a compressed file"
plant web/src/font.woff 'x'
expect page-source web/src/font.woff 1 "a file that is not written here"
plant web/package-lock.json '{\n"resolved": "https://registry.example/x.tgz"\n}'
expect page-source web/package-lock.json 2 "a lock file with addresses"

[ "$failed" -eq 0 ]
