#!/bin/sh
# The house rules that a program can check. Prints every violation as
#   file:line: rule: reason
# and then one line per rule, "ok - lint: RULE", as tests/README.md has it.
#
#   sh tests/lint/run.sh [--root FOLDER] [--build FOLDER] [--tidy] [RULE...]
#
# --root checks another tree (the self-test does that). --build names the build whose objects the
# rules of calls read; without it build/dev or build/quick, whichever is up to date. --tidy adds
# clang-tidy, which is slow and needs build/dev. Without rules, all of them run.
set -eu
LC_ALL=C
export LC_ALL

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
tidy=
build=
# Rules that are reported and do not fail yet. Empty this line to switch them on.
pending=""
pending=${CADRE_LINT_PENDING-$pending}
while [ $# -gt 0 ]; do
    case $1 in
    --root) root=$(cd "$2" && pwd) && shift 2 ;;
    --build) build=$2 && shift 2 ;;
    --tidy) tidy=yes && shift ;;
    *) break ;;
    esac
done
deps=${CADRE_DEPS_DIR:-$here/../../build/deps}
only=" $* "

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cd "$root"

# ---- What is looked at: all that is tracked or would be ----

if [ -e .git ]; then
    git ls-files -z --cached --others --exclude-standard
else
    find . -type f -print0
fi | tr '\0' '\n' | sed 's#^\./##' | sort -u >"$tmp/listed"
while IFS= read -r file; do
    [ ! -f "$file" ] || printf '%s\n' "$file"
done <"$tmp/listed" >"$tmp/all"
grep -E '\.[ch]$' "$tmp/all" >"$tmp/c" || :
grep -E '\.h$' "$tmp/all" >"$tmp/headers" || :
# What people write; fuzz corpora are bytes.
written='\.(c|h|h\.in|md|txt|sh|awk|cmake|json|yaml|yml|js|mjs|html|css|service|wxs)'
grep -E "($written|/run|Makefile|LICENSE)\$" "$tmp/all" |
    grep -v '^tests/fuzz/corpus/' >"$tmp/text" || :
grep -E '(\.(sh|awk|cmake|m?js|html|css|service|wxs|yaml|yml)|CMakeLists\.txt|/run)$' "$tmp/text" |
    grep -v '^tests/lint/' >"$tmp/scripts" || :

grep -E '(\.(c|h|h\.in|sh|awk|cmake|m?js|css|html|S)|CMakeLists\.txt)$' "$tmp/all" \
    >"$tmp/lines" || :

each() { # each LIST COMMAND...: runs COMMAND with the files of LIST, when there are any
    list=$1
    shift
    [ ! -s "$list" ] || tr '\n' '\0' <"$list" | xargs -0 "$@"
}

# ---- Running a rule ----

failed=0
source_done=

report() { # report RULE: violations of RULE are in $tmp/found
    if [ -s "$tmp/found" ]; then
        cat "$tmp/found"
        case " $pending " in
        *" $1 "*)
            skip "$1" "$(wc -l <"$tmp/found") found, and the rule is not switched on yet"
            return
            ;;
        esac
        echo "not ok - lint: $1"
        failed=$((failed + 1))
    else
        echo "ok - lint: $1"
    fi
}

skip() { echo "skip - lint: $1: $2"; }

wanted() {
    [ "$only" != "  " ] || return 0
    case $only in
    *" $1 "*) return 0 ;;
    *) return 1 ;;
    esac
}

for rule in include-direction third-party-seam os-header os-ifdef banned-function raw-allocation \
    mutable-global unfinished comment-style file-length function-length header-length parameters \
    line-length reader-thread; do
    wanted "$rule" || continue
    if [ -z "$source_done" ]; then
        each "$tmp/c" awk -f "$here/source.awk" >"$tmp/source"
        each "$tmp/scripts" awk '
            /(^|[^A-Za-z0-9_])(TODO|FIXME|XXX|HACK)($|[^A-Za-z0-9_])/ {
                printf "%s:%d: unfinished: do it, or open an issue\n", FILENAME, FNR
            }
            FNR == 1001 { printf "%s:%d: file-length: over 1000 lines\n", FILENAME, FNR }
        ' >>"$tmp/source"
        each "$tmp/lines" awk '{
            gsub(/[\200-\277]/, "") # of a character of several bytes, one counts
            if (length($0) > 100)
                printf "%s:%d: line-length: %d columns, the limit is 100\n",
                    FILENAME, FNR, length($0)
        }' >>"$tmp/source"
        source_done=yes
    fi
    awk -v rule="$rule:" '$2 == rule' "$tmp/source" >"$tmp/found"
    report "$rule"
done

# Who calls whom, from the objects of a build. Windows' twins are read from a build for Windows.
if wanted circle || wanted floor || wanted same-name; then
    product='base|wire|platform|agent|coordinator|cli|notify'
    grep -E "^($product)/.*\.c\$" "$tmp/c" >"$tmp/product" || :
    stale="there is no build"
    for candidate in ${build:-build/dev build/quick}; do
        twin=windows nm=nm
        case $(find "$candidate" -name '*.c.obj' 2>/dev/null | head -n 1) in
        ?*) twin=linux nm=x86_64-w64-mingw32-nm ;;
        esac
        grep -v "^platform/$twin/" "$tmp/product" >"$tmp/built" || :
        # The driver of PostgreSQL is a module, built where libpq is, and not for Windows.
        driver='coordinator/store/pg_(connect|db|error|link|stmt|value)'
        unbuilt='coordinator/store/pg_load_none'
        [ $twin = windows ] || unbuilt="coordinator/store/pg_load|$driver"
        [ -d "$candidate/coordinator/CMakeFiles/cadre-coordinator-postgresql.dir" ] ||
            unbuilt="$unbuilt|$driver"
        grep -Ev "^($unbuilt)\.c\$" "$tmp/built" >"$tmp/others" || :
        mv "$tmp/others" "$tmp/built"
        # Built where libcurl is.
        if [ ! -d "$candidate/notify/CMakeFiles/cadre_notify_lib.dir" ]; then
            grep -v '^notify/' "$tmp/built" >"$tmp/others" || :
            mv "$tmp/others" "$tmp/built"
        fi
        if sh "$here/calls.sh" "$candidate" "$tmp/built" "$nm" >"$tmp/symbols" 2>"$tmp/stale"; then
            stale=
            break
        fi
        stale=$(head -n 1 "$tmp/stale")
    done
    floors=$here/floors.txt
    [ ! -f tests/lint/floors.txt ] || floors=tests/lint/floors.txt
    [ -n "$stale" ] || awk -f "$here/calls.awk" "$floors" "$tmp/symbols" >"$tmp/calls"
    for rule in circle floor same-name; do
        wanted "$rule" || continue
        if [ -n "$stale" ]; then
            skip "$rule" "because $stale"
        else
            awk -v rule="$rule:" '$2 == rule' "$tmp/calls" >"$tmp/found"
            report "$rule"
        fi
    done
fi

if wanted whitespace; then
    each "$tmp/text" awk '
        /\t/ { printf "%s:%d: whitespace: a tab\n", FILENAME, FNR }
        /\r$/ { printf "%s:%d: whitespace: a carriage return\n", FILENAME, FNR; next }
        /[ \t]$/ { printf "%s:%d: whitespace: a space at the end of the line\n", FILENAME, FNR }
    ' >"$tmp/found"
    # With -z a file is one record; an empty one has no match and is no fault.
    each "$tmp/text" grep -LzP '\n\z' 2>/dev/null | while IFS= read -r file; do
        [ ! -s "$file" ] ||
            echo "$file:$(wc -l <"$file"): whitespace: no newline at the end"
    done >>"$tmp/found"
    report whitespace
fi

if wanted format; then
    formatter=
    for name in clang-format-14 clang-format; do
        case $("$name" --version 2>/dev/null) in
        *"version 14."*) formatter=$name && break ;;
        esac
    done
    if [ -z "$formatter" ]; then
        skip format "clang-format 14 is not here, and other versions format otherwise"
    else
        each "$tmp/c" "$formatter" --style=file --dry-run 2>"$tmp/format" || :
        awk -F: '/warning: code should be clang-formatted/ && !seen[$1]++ {
            printf "%s:%s: format: run %s -i %s\n", $1, $2, formatter, $1
        }' formatter="$formatter" "$tmp/format" >"$tmp/found"
        report format
    fi
fi

if wanted header-alone; then
    mkdir -p "$tmp/generated"
    echo '#define CADRE_VERSION "0"' >"$tmp/generated/cadre_version.h"
    : >"$tmp/found"
    # Windows' twins need MinGW's headers.
    grep -v '^platform/windows/' "$tmp/headers" >"$tmp/alone" || :
    while IFS= read -r header; do
        printf '#include "%s"\n' "$header" >"$tmp/alone.c"
        gcc -std=c11 -D_GNU_SOURCE -Wall -Werror -fsyntax-only -I . -I "$tmp/generated" \
            -isystem "$deps/linux/include" -isystem "$deps/llhttp" \
            -isystem /usr/include/postgresql "$tmp/alone.c" \
            2>"$tmp/alone.log" ||
            sed -n 's/.*error: \(.*\)/\1/p' "$tmp/alone.log" | head -n 1 |
            sed "s#^#$header:1: header-alone: does not compile alone: #" >>"$tmp/found"
    done <"$tmp/alone"
    report header-alone
fi

if wanted header-guard; then
    # Lists (NAME_list.h) hold macros to be expanded where they are included, and need none.
    grep -v '_list\.h$' "$tmp/headers" >"$tmp/guarded" || :
    each "$tmp/guarded" awk '
        function judge() {
            if (file != "" && !ok)
                printf "%s:1: header-guard: starts without #ifndef CADRE_..._H, #define\n", file
        }
        FNR == 1 { judge(); file = FILENAME; ok = 0; guard = "" }
        guard == "" && /^#ifndef [A-Z0-9_]+_H$/ { guard = $2 }
        guard != "" && $1 == "#define" && $2 == guard { ok = 1 }
        END { judge() }' >"$tmp/found"
    report header-guard
fi

# Every source is in the list of the nearest CMakeLists.txt, or it is neither built nor run.
if wanted unlisted-source; then
    : >"$tmp/found"
    folders='base|wire|platform|agent|coordinator|cli|notify|installer'
    grep -E "^($folders|tests/(unit|sim|system|fuzz|bench))/.*\.c\$" \
        "$tmp/c" >"$tmp/sources" || :
    awk -v sources="$tmp/sources" '
        function lists(file) {
            if (file in known) return known[file]
            known[file] = 0
            while ((getline line <file) > 0) {
                known[file] = 1
                if (line ~ /^ *#/) continue
                n = split(line, words, /[ ()]+/)
                for (i = 1; i <= n; i++) listed[file, words[i]]
            }
            return known[file]
        }
        BEGIN {
            while ((getline file <sources) > 0) {
                if (file == "tests/fuzz/driver.c") continue
                folder = file
                do {
                    if (!sub(/\/[^\/]*$/, "", folder)) folder = "."
                    list = folder "/CMakeLists.txt"
                } while (!lists(list) && folder != ".")
                inside = substr(file, folder == "." ? 1 : length(folder) + 2)
                stem = inside
                sub(/\.c$/, "", stem)
                if (!((list, inside) in listed) && !((list, stem) in listed))
                    printf "%s:1: unlisted-source: is not in %s\n", file, list
            }
        }' >"$tmp/found"
    report unlisted-source
fi

# ... and every source in such a list is there.
if wanted missing-source; then
    : >"$tmp/found"
    folders='base|wire|platform|agent|coordinator|cli|notify|installer|tests'
    grep -E "^($folders)/.*CMakeLists\.txt\$" "$tmp/all" \
        >"$tmp/lists" || :
    while IFS= read -r list; do
        awk '{ sub(/#.*/, ""); gsub(/"[^"]*"/, "") }
            match($0, /cadre_(unit_test|sim_test|system_test|fuzz_target|bench)\([A-Za-z0-9_]+/) {
                name = substr($0, RSTART, RLENGTH)
                sub(/.*\(/, "", name)
                print FNR, name ".c"
            }
            { gsub(/[()]/, " "); for (i = 1; i <= NF; i++) if ($i ~ /\.c$/) print FNR, $i }' \
                "$list" |
            while read -r line file; do
                [ -f "$(dirname "$list")/$file" ] ||
                    echo "$list:$line: missing-source: $file is listed but not there"
            done
    done <"$tmp/lists" >"$tmp/found"
    report missing-source
fi

if wanted shell-syntax; then
    : >"$tmp/found"
    grep -E '\.sh$' "$tmp/all" >"$tmp/shell" || :
    while IFS= read -r file; do
        case $(head -n 1 "$file") in
        '#!/bin/sh') sh -n "$file" 2>"$tmp/shell.log" ||
            echo "$file:1: shell-syntax: $(head -n 1 "$tmp/shell.log")" >>"$tmp/found" ;;
        *) echo "$file:1: shell-syntax: does not start with #!/bin/sh" >>"$tmp/found" ;;
        esac
    done <"$tmp/shell"
    report shell-syntax
fi

# The version stands in one place. What was recorded of a release keeps that release's.
if wanted version; then
    : >"$tmp/found"
    version=$(sed -n 's/^project(cadre VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt 2>/dev/null |
        sed 's/\./\\./g')
    others='web/.*package-lock\.json$|tests/unit/coordinator/fixtures/'
    grep -vE "^(CMakeLists\.txt\$|$others)" "$tmp/text" >"$tmp/plain" || :
    [ -z "$version" ] ||
        each "$tmp/plain" grep -nHE "(^|[^0-9.])$version([^0-9.]|\.[^0-9]|\.?\$)" |
        sed -E 's/^([^:]*:[0-9]+):.*/\1: version: belongs into CMakeLists.txt alone/' >"$tmp/found"
    report version
fi

if wanted foreign-file; then
    : >"$tmp/found"
    awk '
        /^(build|vendor|third_party)\// || /\/(vendor|third_party|node_modules)\// { print; next }
        /^tests\/fuzz\/corpus\// || $0 == "base/yaml.h" { next } # base/yaml.h is ours
        {
            name = $0
            sub(/.*\//, "", name)
            if (name ~ /^(sqlite3\.[ch]|cJSON\.[ch]|llhttp\.[ch]|uv\.h|cmocka\.h|yaml\.h|core)$/ ||
                name ~ /^(compile_commands\.json|CMakeCache\.txt)$/ ||
                name ~ /\.([oa]|so|exe|dll|lib|deb|msi|db|zip|gz|xz|tar)$/)
                print
        }' "$tmp/all" |
        sed 's/$/:1: foreign-file: made or fetched, not written here/' >"$tmp/found"
    # A NUL among the first bytes makes a binary.
    grep -vE '^tests/fuzz/corpus/|\.(png|ico)$' "$tmp/all" >"$tmp/written" || :
    each "$tmp/written" grep -laP '\x00' 2>/dev/null |
        sed 's/$/:1: foreign-file: a binary/' >>"$tmp/found"
    each "$tmp/all" wc -c | awk '$1 > 524288 && $2 != "total" {
        sub(/^ *[0-9]+ /, ""); print $0 ":1: foreign-file: larger than 512 KiB" }' >>"$tmp/found"
    report foreign-file
fi

# web/ holds what we wrote and the lock files; its sources run under the page's own policy.
if wanted page-source; then
    grep '^web/' "$tmp/all" >"$tmp/web" || :
    grep -E '^web/src/.*\.(js|mjs)$' "$tmp/web" >"$tmp/web-js" || :
    grep -E '^web/(src/.*|plain)\.html$' "$tmp/web" >"$tmp/web-html" || :
    grep -E '^web/.*package-lock\.json$' "$tmp/web" >"$tmp/web-lock" || :
    grep -vE '\.(js|mjs|css|html|sh|md)$|/package(-lock)?\.json$' "$tmp/web" |
        sed 's/$/:1: page-source: a file of a kind that is not written here/' >"$tmp/found"
    grep -E '/(dist|out|build)/|\.min\.[a-z]+$|\.bundle\.[a-z]+$' "$tmp/web" |
        sed 's/$/:1: page-source: made, not written here/' >>"$tmp/found" || :
    grep -vE '\.sh$|package-lock\.json$' "$tmp/web" >"$tmp/web-own" || :
    each "$tmp/web-own" grep -nHE '@license|@preserve|sourceMappingURL|Copyright' |
        sed -E 's/^([^:]*:[0-9]+):.*/\1: page-source: of others: it comes by package.json/' \
            >>"$tmp/found"
    runs='(^|[^A-Za-z0-9_.])(eval|Function)\(|new Function|document\.write'
    writes='(inner|outer)HTML|insertAdjacentHTML|dangerouslySetInnerHTML|setAttribute\(.style'
    each "$tmp/web-js" grep -nHE "$runs|$writes" |
        sed -E 's/^([^:]*:[0-9]+):.*/\1: page-source: makes code or markup of text/' >>"$tmp/found"
    each "$tmp/web-html" grep -niHE '<style|<script( [a-z]+)*>|[ ]style=|[ ]on[a-z]+=' |
        sed -E 's/^([^:]*:[0-9]+):.*/\1: page-source: the policy of the page refuses it/' \
            >>"$tmp/found"
    each "$tmp/web-lock" grep -nH '"resolved"' |
        sed -E 's/^([^:]*:[0-9]+):.*/\1: page-source: names a registry/' >>"$tmp/found"
    # What is imported is of this folder, or a dependency of the page.
    each "$tmp/web-js" awk '
        BEGIN {
            while ((getline line <"web/package.json") > 0) {
                if (line ~ /"[a-zA-Z]*[dD]ependencies"/) inside = line ~ /"dependencies"/
                else if (inside && split(line, part, "\"") > 2) known[part[2]] = 1
            }
        }
        match($0, /(from|import) *\(?"[^".][^"]*"/) {
            name = substr($0, RSTART, RLENGTH)
            sub(/^[^"]*"/, "", name)
            sub(/".*/, "", name)
            sub(/\/.*/, "", name)
            if (!(name in known))
                printf "%s:%d: page-source: %s is no dependency of the page\n",
                    FILENAME, FNR, name
        }' >>"$tmp/found"
    # What is imported is used, and what src exports is used by another file.
    grep -E '^web/.*\.m?js$' "$tmp/web" >"$tmp/web-names" || :
    each "$tmp/web-names" awk '
        /^import .*\{/ { inside = 1 }
        {
            line = $0
            own = sub(/^export (async )?(function|const|class|let) +/, "", line) &&
                FILENAME ~ /^web\/src/
            while (match(line, /[A-Za-z_][A-Za-z0-9_]*/)) {
                word = substr(line, RSTART, RLENGTH)
                line = substr(line, RSTART + RLENGTH)
                if (!count[FILENAME, word]++) files[word]++
                if (own) said[FILENAME, word] = FNR ": page-source: exported for no other file: "
                own = 0
                if (word == "from") inside = 0
                if (word == "as") delete said[FILENAME, last]
                else if (inside && word != "import")
                    said[FILENAME, word] = FNR ": page-source: imported and not used: "
                last = word
            }
        }
        END {
            for (key in said) {
                split(key, part, SUBSEP)
                if (said[key] ~ /export/ ? files[part[2]] < 2 : count[key] < 2)
                    print part[1] ":" said[key] part[2]
            }
        }' | sort >>"$tmp/found"
    report page-source
fi

if [ -n "$tidy" ] || { [ "$only" != "  " ] && wanted tidy; }; then
    if ! command -v clang-tidy >/dev/null 2>&1 || [ ! -f build/dev/compile_commands.json ]; then
        skip tidy "clang-tidy or build/dev/compile_commands.json is missing"
    else
        folders='base|wire|agent|coordinator|cli|notify|platform/linux'
        grep -E "^($folders)/.*\.c\$" "$tmp/c" >"$tmp/tidied"
        tr '\n' '\0' <"$tmp/tidied" | xargs -0 -n 4 -P "$(getconf _NPROCESSORS_ONLN)" \
            clang-tidy --quiet -p build/dev >"$tmp/tidy" 2>/dev/null || :
        # Headers are seen through the include views.
        seen="^$root/(build/dev/include/[a-z_]*/)?([^:]*:[0-9]+):[0-9]+"
        sed -nE "s#$seen: (warning|error): (.*)#\\2: tidy: \\4#p" "$tmp/tidy" |
            sort -u >"$tmp/found"
        report tidy
    fi
fi

[ "$failed" -eq 0 ]
