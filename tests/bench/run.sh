#!/bin/sh
# Measures Cadre and other queues side by side and prints one table.
set -u
LC_ALL=C
export LC_ALL

usage() {
    cat <<'END'
Usage: sh tests/bench/run.sh [OPTION]...

Installs the peers from Debian (RabbitMQ, beanstalkd, gearmand, PostgreSQL) and npm
(graphile-worker, pg-boss, into build/deps), builds the release programs, measures peers
and Cadre in turns, and prints one table: median, minimum and maximum of the rounds, and
Cadre divided by each peer. Ends with 0 when Cadre was measured, whatever the figures are;
a peer that cannot be installed or started is named and left out. It wants a machine that
does nothing else.

  --quick         shorter and fewer measurements: under 3 minutes
  --only A,B      these measurements alone (--list names them)
  --with A,B      these subjects of `peers` and `postgresql` alone, such as cadre,rabbitmq
  --rounds N      rounds of each measurement, instead of what programs.txt says
  --markdown      the table as Markdown
  --into FILE     the table as Markdown into FILE, in the place of what stands there between
                  the lines <!-- table --> and <!-- end of table -->
  --output FILE   the table goes into FILE, too
  --results FILE  all figures go into FILE, one line `NAME VALUE UNIT` each
  --dir FOLDER    where databases go: a disk, not a tmpfs (TMPDIR, else /var/tmp)
  --no-install    installs nothing: measures the peers that are there
  --no-build      builds nothing: takes build/release as it is
  --list          names the measurements, and measures nothing
  -h, --help      this text

Installing asks for sudo, unless it is root. Everything that is started is ended, and all
folders are removed, also on Ctrl-C. tests/bench/README.md says what the figures mean.
END
}

root=$(cd "$(dirname "$0")/../.." && pwd)
programs=$root/tests/bench/programs.txt
build=$root/build/release
quick='' only='' with='' rounds='' markdown='' output='' results='' into='' install=yes make=yes
dir=${TMPDIR:-/var/tmp}

work=''
wrong() {
    [ -z "$work" ] || rm -rf "$work"
    echo "run.sh: $*" >&2
    echo "run.sh: -h lists the options" >&2
    exit 2
}
names() { sed -n 's/^run \([a-z0-9-]*\) .*/\1/p' "$programs"; }
known() { # known NAME LIST: each name of the list (A,B) is on standard input
    known_names=$(cat)
    # shellcheck disable=SC2116,SC2086
    for name in $(printf '%s' "$2" | tr ',' ' '); do
        printf '%s\n' "$known_names" | grep -qxF -e "$name" ||
            wrong "$1: there is no '$name' (there are: $(echo $known_names))"
    done
}

list=
while [ $# -gt 0 ]; do
    option=$1
    case $option in
    --only | --with | --rounds | --output | --results | --into | --dir)
        [ $# -ge 2 ] && [ -n "$2" ] || wrong "$option wants a value"
        case $option in
        --only) only=$2 ;;
        --with) with=$2 ;;
        --rounds) rounds=$2 ;;
        --output) output=$2 ;;
        --results) results=$2 ;;
        --into) into=$2 markdown=yes ;;
        --dir) dir=$2 ;;
        esac
        shift
        ;;
    --quick) quick=yes ;;
    --markdown) markdown=yes ;;
    --no-install) install= ;;
    --no-build) make= ;;
    --list) list=yes ;;
    -h | --help)
        usage
        exit 0
        ;;
    *) wrong "'$option' is not an option" ;;
    esac
    shift
done
case $rounds in
'' | [1-9] | [1-9][0-9]) ;;
*) wrong "--rounds takes a number from 1 to 99, not '$rounds'" ;;
esac
[ -z "$only" ] || names | known --only "$only" || exit 2
for file in "$output" "$results"; do
    [ -z "$file" ] || (: >>"$file") 2>/dev/null || wrong "$file cannot be written"
done
[ -z "$into" ] || { [ -w "$into" ] && grep -qx '<!-- table -->' "$into" &&
    grep -qx '<!-- end of table -->' "$into"; } || wrong "--into: $into has no place for the table"
[ -d "$dir" ] && [ -w "$dir" ] || wrong "--dir: $dir is not a folder that can be written to"
if [ -n "$list" ]; then
    names
    exit 0
fi

# ---------------------------------------------------------------------------------------------
# What is started, and the end of it

child='' patient=''
end() { # end CODE
    trap '' INT TERM HUP
    if [ -n "$child" ]; then
        if [ -n "$patient" ]; then
            echo "bench: waiting for apt to end what it is doing" >&2
        else
            kill -- "-$child" 2>/dev/null # a measurement ends what it started, and its folder
        fi
        wait "$child" 2>/dev/null
    fi
    [ -z "$work" ] || rm -rf "$work"
    exit "$1"
}
trap 'end 130' INT
trap 'end 143' TERM
trap 'end 129' HUP
work=$(mktemp -d "$dir/cadre-bench-run.XXXXXX") || exit 1
chmod 711 "$work" # PostgreSQL's user, where that is another one, has its folder there

began=$(date +%s)
gone() { echo $(($(date +%s) - began)); }
say() { printf 'bench: %s\n' "$*" >&2; }
left_out() { # left_out WHAT REASON
    say "$1 is left out: $2"
    echo "$1: $2" >>"$work/left-out"
}
# run_in LOG COMMAND...: in a process group of its own, and so that a signal is not kept waiting.
# What is waited for (patient) stays in the session, on whose terminal sudo asks for its password.
# It ignores Ctrl-C, as each command that a script starts with & does.
run_in() {
    run_log=$1
    shift
    if [ -n "$patient" ]; then
        "$@" >"$run_log" 2>&1 </dev/null &
    else
        setsid "$@" >"$run_log" 2>&1 </dev/null &
    fi
    child=$!
    wait "$child"
    run_rc=$?
    child=
    return $run_rc
}

# ---------------------------------------------------------------------------------------------
# Peers and programs

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }
is_installed() { [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null)" = "ii " ]; }

# A package starts its service when it is installed; the measurement starts servers of its own. What
# was there before is left alone.
stop_service() {
    if [ -d /run/systemd/system ]; then
        as_root systemctl disable --now "$1" >>"$work/services.log" 2>&1
    else
        as_root "/etc/init.d/$1" stop >>"$work/services.log" 2>&1
    fi
}
install_peer() { # install_peer NAME PACKAGE-OF-THE-SERVICE [PACKAGE]
    new=
    for package in "$2" ${3:-}; do
        is_installed "$package" || new="$new $package"
    done
    [ -n "$new" ] || return 0
    pgrep -x epmd >"$work/epmd" 2>/dev/null
    if ! run_in "$work/install.log" sh "$root/installer/deps.sh" "$1"; then
        left_out "$1" "it cannot be installed: $(grep . "$work/install.log" | tail -n 1)"
        return
    fi
    case $new in
    *" $2"*) stop_service "$2" ;;
    esac
    for pid in $(pgrep -x epmd 2>/dev/null); do
        grep -qx "$pid" "$work/epmd" || as_root kill "$pid"
    done
}

say "preparing"
if [ -n "$install" ]; then
    patient=yes
    run_in "$work/deps.log" sh "$root/installer/deps.sh" bench || {
        tail -n 5 "$work/deps.log" >&2
        end 1
    }
    install_peer rabbitmq rabbitmq-server librabbitmq-dev
    install_peer beanstalkd beanstalkd
    install_peer gearmand gearman-job-server
    run_in "$work/install.log" sh "$root/installer/deps.sh" postgresql-peers ||
        left_out "postgresql-peers" \
            "they cannot be installed: $(grep . "$work/install.log" | tail -n 1)"
    patient=
fi
# The lines of programs.txt that are to be run: NAME|PROGRAM|ARGUMENTS
awk -F'|' -v quick="$quick" -v only=",$only," '
    !/^run / { next }
    { for (i = 1; i <= NF; i++) gsub(/^[ \t]+|[ \t]+$/, "", $i)
      sub(/^run /, "", $1)
      if (only != ",," ? index(only, "," $1 ",") == 0 : $(quick ? 4 : 3) == "-") next
      args = $(quick ? 4 : 3) == "-" ? $(quick ? 3 : 4) : $(quick ? 4 : 3)
      if (args != "-") print $1 "|" $2 "|" args }' "$programs" >"$work/runs"
if [ -n "$make" ]; then
    say "building"
    # shellcheck disable=SC2046
    run_in "$work/build.log" sh -c 'cd "$1" && sh installer/moved.sh build/release &&
        cmake --preset release -DCADRE_TESTS=ON && shift &&
        cmake --build build/release --target cadre cadre-agent cadre-coordinator "$@"' \
        sh "$root" $(awk -F'|' '{ print "bench_" $2 }' "$work/runs" | sort -u) || {
        tail -n 20 "$work/build.log" >&2
        say "the programs do not build"
        end 1
    }
fi
for program in $(awk -F'|' '{ print $2 }' "$work/runs" | sort -u); do
    [ -x "$build/tests/bench/bench_$program" ] || wrong "build/release has no bench_$program"
done
if [ -n "$with" ]; then
    "$build/tests/bench/bench_peers" -h | sed -n 's/^There are: //p' | tr ' ' '\n' >"$work/subjects"
    known --with "$with" <"$work/subjects" || end 2
fi

# ---------------------------------------------------------------------------------------------
# Measuring

# --quick has 3 minutes in all, and what building and installing left of them, but 100 s at least.
limit=0
if [ -n "$quick" ]; then
    limit=165
    [ $((limit - $(gone))) -ge 100 ] || limit=$(($(gone) + 100))
fi
failed=0
measure() { # measure NAME PROGRAM ARGUMENTS
    set -- "$1" "$build/tests/bench/bench_$2" $3 --results --dir "$work"
    name=$1
    shift
    rest=$((limit - $(gone)))
    if [ "$limit" -gt 0 ] && [ "$rest" -lt 8 ]; then
        left_out "$name" "no time was left"
        return
    fi
    case $name in
    peers | postgresql)
        [ -z "$with" ] || set -- "$@" --with "$with"
        [ -z "$rounds" ] || set -- "$@" --rounds "$rounds"
        part=6
        [ "$name" = peers ] || part=3
        [ "$limit" -eq 0 ] || set -- "$@" --limit "$((rest * part / 10))"
        ;;
    esac
    [ "$limit" -eq 0 ] || set -- timeout -k 30 "$rest" "$@"
    say "$name"
    run_in "$work/$name.log" "$@"
    rc=$?
    sed -n 's/^RESULT \([^=]*\)=\([^ ]*\) \(.*\)/\1 \2 \3/p' "$work/$name.log" >>"$work/results"
    sed -n 's/^LEFT OUT \([^:]*\): \(.*\)/\1|\2/p' "$work/$name.log" >"$work/gone"
    while IFS='|' read -r who why; do
        left_out "$who" "$why"
    done <"$work/gone"
    [ "$rc" -ne 0 ] || return 0
    if [ "$rc" -eq 124 ] && [ "$limit" -gt 0 ]; then
        left_out "$name" "no time was left"
    else
        left_out "$name" "it failed: $(grep -ve '^RESULT' -e '^bench: logs are in' \
            "$work/$name.log" | tail -n 1)"
        failed=1
    fi
}
: >"$work/results"
: >"$work/left-out"
turns=${rounds:-$([ -n "$quick" ] && echo 1 || echo 3)}
turn=1
while [ "$turn" -le "$turns" ]; do
    while IFS='|' read -r name program args; do
        # peers and postgresql make their own rounds, and so do those that take minutes
        case $name in
        peers | postgresql | growth-* | fair | agents) [ "$turn" -eq 1 ] || continue ;;
        esac
        measure "$name" "$program" "$args"
    done <"$work/runs"
    turn=$((turn + 1))
done
[ -z "$results" ] || cp "$work/results" "$results"

# ---------------------------------------------------------------------------------------------
# The table

version() { # version PACKAGE: what Debian calls it, or that it is not there
    v=$(dpkg-query -W -f '${Version}' "$1" 2>/dev/null)
    echo "$1 ${v:-not installed}"
}
machine() {
    commit=$(git -C "$root" rev-parse --short HEAD 2>/dev/null)
    cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
    echo "Measured on $(date -u +%Y-%m-%d)${quick:+ with --quick}:" \
        "Cadre${commit:+ of commit $commit}, $(getconf _NPROCESSORS_ONLN) processors ($cpu)," \
        "Linux $(uname -r), $(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)"
    sed -n 's/^\(fdatasync.*\); .*/\1/p' "$work"/*.log | head -n 1
    {
        for package in rabbitmq-server librabbitmq4 beanstalkd gearman-job-server; do
            version $package
        done
        sed -n 's/^with //p' "$work"/*.log
    } | paste -s -d, | sed 's/,/, /g'
}
machine >"$work/machine"
awk -v markdown="$markdown" -v quick="$quick" -f "$root/tests/bench/table.awk" \
    "$programs" "$work/results" >"$work/table"
{
    cat "$work/machine"
    echo
    cat "$work/table"
    if [ -s "$work/left-out" ]; then
        echo
        sed 's/^/left out: /' "$work/left-out"
    fi
} >"$work/all"
cat "$work/all"
[ -z "$output" ] || cp "$work/all" "$output"
if [ -n "$into" ]; then
    awk -v table="$work/all" '
        /^<!-- end of table -->$/ { inside = 0 }
        !inside { print }
        /^<!-- table -->$/ {
            inside = 1
            print ""
            # the lines before the table are paragraphs of their own
            while ((getline line <table) > 0) print line (line ~ /^[^|]/ ? "\n" : "")
            print ""
        }' "$into" | cat -s >"$work/into" && cat "$work/into" >"$into"
fi
say "took $(gone) s"
end "$failed"
