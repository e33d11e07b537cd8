#!/bin/sh
# The quick start: installs what is needed, builds, starts a coordinator and an agent on this
# machine, runs a job on that agent and shows its output. Safe to repeat: what runs already is used
# again.
#
#   sh installer/quickstart.sh          as root, or as a user with sudo
#   sh installer/quickstart.sh stop     ends the two programs
#
# Everything is kept in build/quickstart (or in CADRE_QUICKSTART_DIR); remove that folder to begin
# anew.
set -eu
LC_ALL=C
export LC_ALL

root=$(cd "$(dirname "$0")/.." && pwd)
home=${CADRE_QUICKSTART_DIR:-$root/build/quickstart}
bin=$root/build/release/bin
server=$home/coordinator
worker=$home/agent

if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold= plain=; fi
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
die() {
    printf 'quickstart: %s\n' "$*" >&2
    exit 1
}

# alive NAME: does the program whose pid is in NAME.pid run?
alive() {
    [ -s "$home/$1.pid" ] && pid=$(cat "$home/$1.pid") && [ -e "/proc/$pid/exe" ] &&
        case $(readlink "/proc/$pid/exe") in "$bin/"*) true ;; *) false ;; esac
}

stop() {
    for name in agent coordinator; do
        alive "$name" || continue
        kill -TERM "$pid"
        while alive "$name"; do sleep 0.1; done
        echo "$name stopped"
    done
}

# start NAME COMMAND...: in the background, with its log in NAME.log
start() {
    name=$1
    shift
    setsid "$@" >"$home/$name.log" 2>&1 </dev/null &
    echo $! >"$home/$name.pid"
}

# until_true SECONDS WHAT COMMAND...
until_true() {
    left=$(($1 * 10)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        [ "$left" -gt 0 ] ||
            die "$what did not happen; see $home/coordinator.log and $home/agent.log"
        sleep 0.1
    done
}

listening() { grep -q '^listening on ' "$home/coordinator.log"; }
# Just started, a pid still shows the program that starts it: only a pid without one has ended.
ended() { [ ! -e "/proc/$(cat "$home/coordinator.pid")/exe" ]; }
listening_or_ended() { listening || ended; }
agent_online() { "$bin/cadre" agent list -o json | grep -q '"ONLINE"'; }

start_coordinator() {
    for port in 7433 7434 7435 7436 7437 7438; do
        [ ! -s "$home/chosen-port" ] || port=$(cat "$home/chosen-port")
        printf 'listen: 127.0.0.1:%s\nadvertise: ["127.0.0.1:%s"]\n' "$port" "$port" \
            >"$home/coordinator.yaml"
        if [ ! -s "$server/admin.token" ]; then
            "$bin/cadre-coordinator" init --config "$home/coordinator.yaml" --state "$server" \
                >"$home/init.log" 2>&1 ||
                die "$(cat "$home/init.log")"
        fi
        start coordinator "$bin/cadre-coordinator" run --config "$home/coordinator.yaml" \
            --state "$server"
        until_true 20 "the coordinator's start" listening_or_ended
        if ! ended; then
            echo "$port" >"$home/chosen-port"
            return
        fi
        grep -qi 'in use' "$home/coordinator.log" ||
            die "the coordinator ended: $(tail -n 3 "$home/coordinator.log")"
        # Somebody else has this port, and no agent knows it yet: begin with the next one.
        [ ! -s "$home/chosen-port" ] ||
            die "port $port, which the agent knows, is in use: $(tail -n 1 "$home/coordinator.log")"
        rm -rf "$server"
    done
    die "ports 7433 to 7438 are all in use"
}

if [ "${1:-}" = stop ]; then
    stop
    exit 0
fi
[ $# -eq 0 ] || die "usage: sh installer/quickstart.sh [stop]"

say "1. What it needs"
sh "$root/installer/deps.sh" linux

say "2. Building (a few minutes the first time)"
# Copied with its tree while the first one is there still, it would be the same agent twice.
place=$(cat "$home/place" 2>/dev/null || :)
if [ -n "$place" ] && [ -e "$place/place" ] && ! [ "$place/place" -ef "$home/place" ]; then
    echo "$home was copied from $place: it begins anew"
    rm -rf "$home"
fi
mkdir -p "$home"
chmod 700 "$home"
echo "$home" >"$home/place"
cd "$root"
sh installer/moved.sh build/release
cmake --preset release -DCADRE_TESTS=OFF >"$home/cmake.log" 2>&1 || die "$(cat "$home/cmake.log")"
cmake --build --preset release

say "3. Coordinator"
alive coordinator || start_coordinator
CADRE_URL=127.0.0.1:$(cat "$home/chosen-port")
CADRE_TOKEN_FILE=$server/admin.token
export CADRE_URL CADRE_TOKEN_FILE
echo "listening on $CADRE_URL, log in $home/coordinator.log"

say "4. Agent"
if [ ! -s "$worker/identity.json" ]; then
    token=$("$bin/cadre" token create join 2>/dev/null)
    printf '%s' "$token" | "$bin/cadre-agent" join - --config "$home/agent.yaml" --state "$worker"
fi
alive agent || start agent "$bin/cadre-agent" run --config "$home/agent.yaml" --state "$worker"
until_true 20 "the agent's connection" agent_online
"$bin/cadre" agent list

say "5. A job"
echo "\$ cadre run -- sh -c 'echo hello from \$(hostname); uname -sr; exit 7'"
code=0
"$bin/cadre" run -- sh -c 'echo hello from $(hostname); uname -sr; exit 7' || code=$?
echo "exit code: $code (the job's own)"
[ "$code" = 7 ] || die "the job should have exited with 7"

say "How to go on"
cat <<TEXT
  export PATH="$bin:\$PATH" CADRE_URL=$CADRE_URL CADRE_TOKEN_FILE="$CADRE_TOKEN_FILE"

  cadre run -- uname -a              runs a command on the agent
  cadre run --script FILE            runs a script there
  cadre job list                     what ran, newest first
  cadre status                       the coordinator, its agents and its queue
  cat "$CADRE_TOKEN_FILE"    the token to sign in with at
  https://$CADRE_URL/           the page; your browser does not know its certificate yet
  sh installer/quickstart.sh stop    ends coordinator and agent; without 'stop' they are back

  On real machines: README.md, "Install on Debian". All else: docs/guide.md
TEXT
