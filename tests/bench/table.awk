# The table of run.sh. First file: programs.txt, second: lines NAME VALUE UNIT. A name that comes
# several times was measured several times. -v quick=yes: they are of --quick.
function trim(s) {
    gsub(/^[ \t]+|[ \t]+$/, "", s)
    return s
}
FNR == NR && /^(row|subject) / {
    n = split($0, part, "|")
    kind = $1
    name = trim(substr(part[1], length(kind) + 1))
    title[name] = trim(part[2])
    goal[name] = n > 2 ? trim(part[3]) : ""
    if (kind == "subject") ours[name] = n > 3 ? trim(part[4]) : "cadre"
    if (kind == "row" && quick && n > 3) {
        title[name] = trim(part[4])
        goal[name] = ""
    }
    if (kind == "row") row[++rows] = name
    else subject[++subjects] = name
    next
}
FNR == NR || NF != 3 { next }
{
    value[$1, ++count[$1]] = $2 + 0
    unit[$1] = $3
    if ($1 ~ /^lifecycles\./) {
        split($1, part, ".")
        if (!(part[2] in has)) {
            has[part[2]] = 1
            agents[++sizes] = part[2] + 0
        }
    }
}

function sort(name,   i, k, v) {
    for (i = 2; i <= count[name]; i++) {
        v = value[name, i]
        for (k = i - 1; k > 0 && value[name, k] > v; k--) value[name, k + 1] = value[name, k]
        value[name, k + 1] = v
    }
}
function median(name,   m) {
    if (!count[name]) return 0
    m = int((count[name] + 1) / 2)
    if (count[name] % 2) return value[name, m]
    return (value[name, m] + value[name, m + 1]) / 2
}
function number(v, u,   s, head) { # three digits at least, thousands parted
    if (u == "%") return sprintf("%.1f", v)
    if (v < 9.995) return sprintf("%.2f", v)
    if (v < 99.95) return sprintf("%.1f", v)
    s = sprintf("%.0f", v)
    for (head = ""; length(s) > 3; s = substr(s, 1, length(s) - 3))
        head = "," substr(s, length(s) - 2) head
    return s head
}
function ratio(name, ours) {
    if (!count[name] || !count[ours] || !median(name)) return ""
    return sprintf("%.2fx", median(ours) / median(name))
}
function line(c1, c2, c3, c4, c5, c6, c7, c8, c9, c10) {
    lines++
    cell[lines, 1] = c1; cell[lines, 2] = c2; cell[lines, 3] = c3; cell[lines, 4] = c4
    cell[lines, 5] = c5; cell[lines, 6] = c6; cell[lines, 7] = c7; cell[lines, 8] = c8
    cell[lines, 9] = c9; cell[lines, 10] = c10
}
function figure(name, of, n, peer,   base, what) {
    if (!count[name]) return
    sort(name)
    what = title[of] (n == "" ? "" : ", lifecycles")
    base = "lifecycles." n "." ours[of]
    line(what, n, number(median(name), unit[name]), number(value[name, 1], unit[name]),
         number(value[name, count[name]], unit[name]), unit[name],
         peer ? ratio(name, base) : "", peer ? ratio(name, base "-batch") : "",
         peer ? ratio(name, base "-pipeline") : "", goal[of])
}
function by_size(   i, k, v) {
    for (i = 2; i <= sizes; i++) {
        v = agents[i]
        for (k = i - 1; k > 0 && agents[k] > v; k--) agents[k + 1] = agents[k]
        agents[k + 1] = v
    }
}
function is_text(i) {
    return i == 1 || i == 6 || i == 10
}
function print_line(l,   i, s, pad, n) {
    s = markdown ? "|" : ""
    for (i = 1; i <= columns; i++) {
        if (skip[i]) continue
        n = width[i] - length(cell[l, i])
        pad = n > 0 ? sprintf("%" n "s", "") : ""
        pad = is_text(i) ? cell[l, i] pad : pad cell[l, i]
        s = s (markdown ? " " pad " |" : (i > 1 ? "  " : "") pad)
    }
    sub(/ +$/, "", s)
    print s
}
function print_rule(   i, s, rule) {
    s = markdown ? "|" : ""
    for (i = 1; i <= columns; i++) {
        if (skip[i]) continue
        rule = sprintf("%" width[i] "s", "")
        gsub(/ /, "-", rule)
        s = s (markdown ? "-" rule (is_text(i) ? "-|" : ":|") : (i > 1 ? "  " : "") rule)
    }
    print s
}
END {
    columns = 10
    line("what", "agents", "median", "minimum", "maximum", "unit", "Cadre is", "batched",
         "pipelined", "goal")
    by_size()
    for (i = 1; i <= sizes; i++) {
        for (k = 1; k <= subjects; k++) sort("lifecycles." agents[i] "." subject[k])
        for (k = 1; k <= subjects; k++)
            figure("lifecycles." agents[i] "." subject[k], subject[k], agents[i],
                   subject[k] !~ /^cadre/)
    }
    for (i = 1; i <= rows; i++) figure(row[i], row[i], "", 0)
    for (i = 1; i <= columns; i++) {
        width[i] = 0
        skip[i] = 1
        for (l = 1; l <= lines; l++) {
            if (length(cell[l, i]) > width[i]) width[i] = length(cell[l, i])
            if (l > 1 && cell[l, i] != "") skip[i] = 0
        }
    }
    if (lines == 1) {
        print "no figure was measured"
        exit
    }
    for (l = 1; l <= lines; l++) {
        print_line(l)
        if (l == 1) print_rule()
    }
}
