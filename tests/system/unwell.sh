#!/bin/sh
# Agents whose machines cannot start jobs, each for a reason of its own, beside two that can: all
# jobs are done by these two, and the others come back by themselves when they are mended.
. "$(dirname "$0")/lib.sh"

# Small file systems in a mount namespace that goes with the processes in it.
if [ "${1:-}" != inside ]; then
    if unshare -m sh -c 'mkdir -p small && mount -t tmpfs -o size=1m tmpfs small' \
        2>unshare.err; then
        exec unshare -m sh "$0" inside
    fi
    echo "skip - machines that cannot start jobs: nothing can be mounted here" \
        "($(head -n 1 unshare.err))"
    exit 0
fi

# Agents of other accounts find this folder and the program.
mkdir programs && cp "$CADRE_BIN/cadre-agent" programs/ && chmod 755 . programs programs/cadre-agent
PATH=$here/programs:$PATH
ways="inodes space readonly processes descriptors memory permissions hang"
spoil=$CADRE_BUILD/tests/support/spoil
value() { eval "echo \"\$$1\""; }
mount_small() { # FOLDER OPTION
    mkdir -p "$1" && mount -t tmpfs -o "mode=700,$2" tmpfs "$1"
}
# Accounts that own no process but their agent's.
account_of() {
    case $1 in
    processes) echo 61001 ;;
    permissions) echo 61002 ;;
    *) echo 0 ;;
    esac
}
as() { # WAY COMMAND...
    as_uid=$(account_of "$1")
    shift
    setpriv --reuid="$as_uid" --regid="$as_uid" --clear-groups "$@"
}
# The soft limit alone: it may be raised again without a capability.
limit() { as "$1" prlimit --pid "$(value "agent_$1")" "$2"; }

# ---- what each way needs before its agent starts; false, and a reason: not to be had here ----
prepare() {
    case $1 in
    inodes) mount_small inodes size=300m,nr_inodes=40 ;;
    space | readonly) mount_small "$1/work" size=1m ;;
    processes | permissions)
        as "$1" sh -c 'test -x "$0" && test -x "$1"' "$(command -v cadre-agent)" \
            "$here" || ! echo "another account cannot reach $here"
        ;;
    memory) [ "$(uname -m)" = x86_64 ] || ! echo "ptrace is used for it, on x86-64 only" ;;
    hang) [ -w /dev/fuse ] || ! echo "there is no /dev/fuse" ;;
    esac
}

spoil_with() { # WAY ARGUMENT...: until the program is ended
    "$spoil" "$2" "$3" >"$1.spoil" 2>&1 &
    eval "spoiler_$1=$!"
    pids="$pids $!"
    spoilt_or_gone() { file_has "$1.spoil" '^spoilt' || gone "$2"; }
    until_true 10 spoilt_or_gone "$1" "$!" && file_has "$1.spoil" '^spoilt' ||
        ! head -n 1 "$1.spoil"
}

ruin() {
    case $1 in
    inodes) i=0 && while true >inodes/f$i; do i=$((i + 1)); done 2>/dev/null ;;
    space) dd if=/dev/zero of=space/work/ballast bs=4k 2>/dev/null ;;
    readonly) mount -o remount,ro readonly/work ;;
    processes) limit processes --nproc=1: ;;
    descriptors) limit descriptors --nofile=8: ;;
    memory) spoil_with memory memory "$(value agent_memory)" ;;
    permissions) chmod 500 permissions permissions/work ;;
    hang) spoil_with hang hang hang/work ;;
    esac
    case $1 in
    inodes) ! true >inodes/one-more ;;
    space) ! dd if=/dev/zero of=space/work/more bs=64k count=1 ;;
    esac 2>/dev/null
}

mend() {
    case $1 in
    inodes) rm -f inodes/f* ;;
    space) rm -f space/work/ballast space/work/more ;;
    readonly) mount -o remount,rw readonly/work ;;
    processes) limit processes --nproc=500: ;;
    descriptors) limit descriptors --nofile=500: ;;
    permissions) chmod 700 permissions permissions/work ;;
    memory | hang) end "$(value "spoiler_$1")" ;;
    esac
}

words_of() {
    case $1 in
    inodes) echo 'drainReason +[0-9]+ inodes are left on the disk of' ;;
    space) echo 'No space left on device' ;;
    readonly) echo 'Read-only file system' ;;
    processes) echo 'Resource temporarily unavailable' ;;
    descriptors) echo 'Too many open files' ;;
    memory) echo 'Cannot allocate memory' ;;
    permissions) echo 'Permission denied' ;;
    hang) echo 'takes longer than 10 s' ;;
    esac
}
state_of() { if [ "$1" = inodes ]; then echo DRAINING; else echo UNWELL; fi; }

# ---- jobs ----
admin=
api() { # PATH [OPTION]...
    api_path=$1
    shift
    curl -sS --cacert "$here/server/ca.pem" -H "Authorization: Bearer $admin" "$@" \
        "https://$CADRE_URL/api/v1/$api_path"
}
submit() { # NAME [MEMBERS]: with a script and something to read, which want files
    api jobs -d "{\"name\": \"$1\", \"script\": \"cat; exit 0\", \"stdin\": \"aGkK\"${2:+, $2}}" \
        >>submitted
}
jobs_of() { api 'jobs?limit=200' >jobs.json && grep -o "$1" jobs.json | wc -l | tr -d ' '; }
jobs_done() { [ "$(jobs_of '"state":"SUCCESS"')" -eq "$1" ]; }
jobs_elsewhere() { grep -o '"agentName":"[^"]*"' jobs.json | grep -cv '"agentName":"good[12]"'; }

# ---- the fleet ----
start_agent() { # NAME OPTION...
    start_name=$1 start_uid=$(account_of "$1")
    shift
    chown -R "$start_uid:$start_uid" "$start_name" "$start_name.yaml"
    setpriv --reuid="$start_uid" --regid="$start_uid" --clear-groups \
        cadre-agent run --config "$start_name.yaml" --state "$start_name" \
        --label "way=$start_name" "$@" >>"$start_name.log" 2>&1 &
    eval "agent_$start_name=$!"
    pids="$pids $!"
}

coordinator_up
admin=$(cat server/admin.token)
token=$(cadre token create join --uses 20 2>token.err) || {
    not_ok "a token: $(cat token.err)"
    done_testing
}
here_ways=
for way in $ways; do
    if prepare "$way" >why 2>&1; then
        here_ways="$here_ways $way"
    else
        echo "skip - $way: $(head -n 1 why)"
    fi
done
joining=
for name in good1 good2 $here_ways; do
    cadre-agent join "$token" --config "$name.yaml" --state "$name" --name "$name" \
        >"$name.join" 2>&1 &
    joining="$joining $!"
done
for pid in $joining; do wait "$pid" || not_ok "an agent joins"; done
for name in good1 good2; do start_agent $name --slots 1; done
for way in $here_ways; do start_agent "$way" --slots 4; done
for name in good1 good2 $here_ways; do
    until_true 30 agent_is "$name" ONLINE || {
        not_ok "$name is online: $(tail -n 3 "$name.log")"
        done_testing
    }
done

# ---- broken ----
broken=
for way in $here_ways; do
    if ruin "$way" >why 2>&1; then
        broken="$broken $way"
    else
        echo "skip - $way: $(head -n 1 why)"
        end "$(value "agent_$way")"
    fi
done
echo "# broken:$broken"
count=40
i=0
while [ $i -lt $count ]; do
    i=$((i + 1))
    submit "job$i"
done
holds "all jobs are done" until_true 60 jobs_done $count
is "none of them by a machine that cannot" 0 "$(jobs_elsewhere)"
is "each at its first attempt" $count "$(jobs_of '"attempt":1[,}]')"
for way in $broken; do
    holds "$way: the agent takes no jobs" until_true 20 agent_is "$way" "$(state_of "$way")"
    cadre agent show "$way" >shown
    has "$way: and says why" shown "$(words_of "$way")"
done

# ---- mended ----
for way in $broken; do mend "$way" || not_ok "$way: it is mended"; done
for way in $broken; do
    holds "$way: mended, it comes back by itself" until_true 90 agent_is "$way" ONLINE
    submit "again-$way" "\"requires\": {\"label.way\": \"$way\"}"
done
for way in $broken; do count=$((count + 1)); done
holds "each of them does a job" until_true 30 jobs_done $count
for way in $broken; do
    [ "$way" = inodes ] && continue
    is "$way: it says once that it is unwell, and once that it is well" "1 1" \
        "$(grep -c 'cannot start jobs: ' "$way.log") $(grep -c 'can start jobs again' "$way.log")"
done

# ---- the whole state folder ----
if mount_small state size=100m,nr_inodes=100; then
    cadre-agent join "$token" --config state.yaml --state state --name state >state.join 2>&1
    mount -o remount,ro state
    cadre-agent run --config state.yaml --state state >state.log 2>&1
    is "an agent ends when its state folder is read-only" 1 $?
    has "and says so" state.log 'Read-only file system'
    mount -o remount,rw state
    agent_up state
    ok "once the folder can be written, the next start works"
fi
done_testing
