# Compares what a transcript in a document shows with what its commands said, for documents.sh:
# the document's lines first, then the machine's. Prints what differs; nothing when they agree.
#
# A command of the document ("$ ...") stands in the output as "@@ begin", its exit code behind its
# output as "@@ end CODE". Compared is loosely: any number stands for every number, any id for
# every id, any run of spaces for another; "…" stands for anything, and alone on a line for any
# lines. A command has to end with 0, unless the transcript asks for its code ("$ echo $?") or
# shows its error ("cadre: ...").

function trimmed(text) {
    gsub(/[ \t\r]+/, " ", text)
    sub(/ $/, "", text)
    sub(/^ /, "", text)
    return text
}
function is_id(word) {
    return length(word) == 13 && word ~ /^[0-9a-z]+$/ && word ~ /[0-9]/ && word ~ /[a-z]/
}
# The ids in a word, whatever stands around them.
function without_ids(word, head, core) {
    match(word, /^[^0-9a-z]*/)
    head = substr(word, 1, RLENGTH)
    core = substr(word, RLENGTH + 1)
    match(core, /^[0-9a-z]*/)
    return is_id(substr(core, 1, RLENGTH)) ? head "ID" substr(core, RLENGTH + 1) : word
}
function loose(text, words, n, i, out, word) {
    n = split(trimmed(text), words, " ")
    out = ""
    for (i = 1; i <= n; i++) {
        word = without_ids(words[i])
        gsub(/[0-9]+/, "N", word)
        out = out (i > 1 ? " " : "") word
    }
    return out
}
function pattern(text) {
    text = loose(text)
    gsub(/[].[(){}*+?^$|\\]/, "\\\\&", text)
    gsub(/…/, ".*", text)
    return "^" text "$"
}

NR == FNR && /^\$ / { shown[++commands] = substr($0, 3); next }
NR == FNR {
    if (commands == 0 && $0 != "") print "line " FNR ": output without a command"
    wanted[commands, ++lines[commands]] = $0
    next
}
/^@@ begin$/ { at++; next }
/^@@ end / { code[at] = $3; next }
{ got[at, ++count[at]] = $0 }

function compare(c, w, g) {
    g = 1
    for (w = 1; w <= lines[c]; w++) {
        if (trimmed(wanted[c, w]) == "…") {
            if (w == lines[c]) return
            while (g <= count[c] && loose(got[c, g]) !~ pattern(wanted[c, w + 1])) g++
            continue
        }
        if (g > count[c]) {
            print "$ " shown[c] ": the document shows '" wanted[c, w] "', nothing more came"
            return
        }
        if (loose(got[c, g]) !~ pattern(wanted[c, w])) {
            print "$ " shown[c] ": the document shows '" wanted[c, w] "', it said '" got[c, g] "'"
            return
        }
        g++
    }
    if (g <= count[c])
        print "$ " shown[c] ": it said '" got[c, g] "', which the document does not show"
}
function may_fail(c, w) {
    if (c < commands && shown[c + 1] == "echo $?") return 1
    for (w = 1; w <= lines[c]; w++) if (wanted[c, w] ~ /^cadre: /) return 1
    return 0
}
END {
    if (commands == 0) print "a transcript without a command"
    for (c = 1; c <= commands; c++) {
        if (c > at) {
            print "$ " shown[c] ": was not run"
            break
        }
        if (code[c] != 0 && !may_fail(c)) print "$ " shown[c] ": ended with " code[c]
        compare(c)
    }
}
