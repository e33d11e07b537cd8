# Reads which file calls which from the symbols of the compiled objects.
# Prints "file:1: rule: reason".
#
#   awk -f calls.awk FLOORS SYMBOLS
#
# FLOORS is floors.txt. SYMBOLS is what calls.sh makes of nm's output: "SOURCE NAME TYPE" a line.
# A use of a function or of data that another file defines is an arrow to that file.

function fail(file, rule, reason) { printf "%s:1: %s: %s\n", file, rule, reason }

function names_of(arrow,    list, n, text, i) {
    n = split(used[arrow], list, " ")
    for (i = 1; i <= n && i <= 4; i++) text = text (i > 1 ? ", " : "") list[i]
    return text (n > 4 ? ", ..." : "")
}

# ---- The floors ----

FNR == 1 { input++ }
input == 1 {
    sub(/#.*/, "")
    if ($1 == "folder") { folder = $2; has_floors[folder] = 1; floor = 0; next }
    if (NF == 0) next
    floor++
    floor_name = $1
    sub(/:$/, "", floor_name)
    for (i = 2; i <= NF; i++) {
        file = folder "/" $i ".c"
        floor_of[file] = floor
        floor_folder[file] = folder
        title[file] = floor_name
        named[++named_count] = file
    }
    next
}

# ---- The symbols ----

!($1 in index_of) { file_name[++files] = $1; index_of[$1] = files }
$3 == "U" { uses++; user[uses] = $1; wanted[uses] = $2; next }
# Not ours: the sanitizer's notes, and the pointers by which Windows' objects reach others' data.
$3 ~ /^[TDBRVWGSC]$/ && $2 != "main" && $2 !~ /^(__odr_asan|\.refptr)\./ {
    if (($2 in home) && home[$2] != $1)
        fail($1, "same-name", $2 " is also defined in " home[$2])
    home[$2] = $1
}

function read_arrows(    i, to, arrow) {
    for (i = 1; i <= uses; i++) {
        if (!(wanted[i] in home)) continue
        to = home[wanted[i]]
        if (to == user[i]) continue
        arrow = user[i] SUBSEP to
        if (!(arrow in used)) {
            arrow_from[++arrows] = user[i]
            arrow_to[arrows] = to
            next_of[user[i], ++degree[user[i]]] = to
        }
        used[arrow] = used[arrow] wanted[i] " "
    }
}

# Tarjan's algorithm: circle_of[FILE] is the number of FILE's circle, members[] the size of each.
function visit(file,    i, to, top) {
    seen[file] = low[file] = ++clock
    stack[++depth] = file
    on_stack[file] = 1
    for (i = 1; i <= degree[file]; i++) {
        to = next_of[file, i]
        if (!(to in seen)) {
            visit(to)
            if (low[to] < low[file]) low[file] = low[to]
        } else if (on_stack[to] && seen[to] < low[file]) {
            low[file] = seen[to]
        }
    }
    if (low[file] != seen[file]) return
    circles++
    do {
        top = stack[depth--]
        on_stack[top] = 0
        circle_of[top] = circles
        members[circles]++
    } while (top != file)
}

function check_circles(    i, from, to) {
    for (i = 1; i <= files; i++)
        if (!(file_name[i] in seen)) visit(file_name[i])
    for (i = 1; i <= arrows; i++) {
        from = arrow_from[i]
        to = arrow_to[i]
        if (circle_of[from] == circle_of[to])
            fail(from, "circle", "stands with " to " in a circle of " \
                 members[circle_of[from]] " files; it uses " names_of(from SUBSEP to))
    }
}

function check_floors(    i, file, from, to) {
    for (i = 1; i <= named_count; i++)
        if (!(named[i] in index_of))
            fail(named[i], "floor", "floors.txt names a file that is not built")
    for (i = 1; i <= files; i++) {
        file = file_name[i]
        folder = file
        sub(/\/[^\/]*$/, "", folder)
        if ((folder in has_floors) && !(file in floor_of))
            fail(file, "floor", "stands on no floor of tests/lint/floors.txt")
    }
    for (i = 1; i <= arrows; i++) {
        from = arrow_from[i]
        to = arrow_to[i]
        if ((from in floor_of) && (to in floor_of) && floor_folder[from] == floor_folder[to] &&
             floor_of[to] > floor_of[from])
            fail(from, "floor", from " -> " to ": " names_of(from SUBSEP to) \
                 " (from floor " title[from] " up to " title[to] ")")
    }
}

END {
    read_arrows()
    check_circles()
    check_floors()
}
