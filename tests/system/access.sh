#!/bin/sh
# Starts that cannot read or write a file, that find a full disk, or keys that others can read: each
# says which path, and why.
. "$(dirname "$0")/lib.sh"
coordinator_up
agent_up a
end "$agent"
end "$coordinator"

coordinator_runs() {
    timeout 60 "$@" cadre-coordinator run --config coordinator.yaml --state server
}
agent_runs() { timeout 60 "$@" cadre-agent run --config a.yaml --state a; }

# ---- keys that others can read or write ----
# exposed PROGRAM FILE MODE BACK: it does not start, and names the command that mends it
exposed() {
    chmod "$3" "$2"
    "$1"_runs >out 2>err
    is "$1 with mode $3 of $2 does not start" 1 $?
    has "$1 with mode $3 of $2 says so" err "$2 is open to others" "chmod [67]00 '$2'"
    sh -c "$(sed -n "s/.*close it with: \(chmod [67]00 '.*'\)\$/\1/p" err)" # as it says
    is "$2 is mended by that" "$4" "$(stat -c %a "$2")"
}
exposed coordinator server/ca.key 644 600
exposed coordinator server/server.key 640 600
exposed coordinator server/admin.token 604 600
exposed coordinator server/ca.key 602 600
exposed coordinator server 777 700
exposed coordinator server 770 700
exposed agent a/agent.key 644 600
exposed agent a/agent.key 620 600
exposed agent a 1777 700

# ---- no right ----
nobody="setpriv --reuid 65534 --regid 65534 --clear-groups"
chmod 755 .
if [ "$(id -u)" -eq 0 ] && $nobody sh -c "cd '$here' && cadre-agent version" >/dev/null 2>&1; then
    chown -R 65534:65534 server a
    # denied PROGRAM FILE [MODE]: with the file another account's
    denied() {
        before=$(stat -c %a "$2")
        chown 0:0 "$2"
        chmod "${3:-$before}" "$2"
        "$1"_runs $nobody >out 2>err
        is "$1 without the right to $2 does not start" 1 $?
        has "$1 without the right to $2 says so" err "$2" 'Permission denied|cannot be written'
        grep -q 'init. first\|has not joined' err && not_ok "$1, $2: it gives wrong advice"
        chown 65534:65534 "$2"
        chmod "$before" "$2"
    }
    for file in ca.key cadre.db output.db lock admin.token; do
        denied coordinator server/$file 600
    done
    denied coordinator server/ca.pem 600
    denied coordinator server/cadre-folder 600
    denied coordinator server
    denied coordinator server 555
    for file in agent.key journal.db lock; do
        denied agent a/$file 600
    done
    for file in agent.pem ca.pem identity.json cadre-folder; do
        denied agent a/$file 600
    done
    denied agent a
    denied agent a 555
    chown -R 0:0 server a
else
    echo "skip - starts without a right: no other account can be taken here"
fi

# ---- a full disk ----
mkdir full
if mount -t tmpfs -o size=8m none full 2>/dev/null; then
    trap 'umount -l full 2>/dev/null; finish' EXIT
    # fill FREE: of the disk, KiB are left
    fill() {
        rm -f full/fill
        dd if=/dev/zero of=full/fill bs=64k 2>/dev/null
        truncate -s "-${1}K" full/fill
    }
    for left in 0 8 32; do
        rm -rf full/* && cp -a a full/a && rm -f full/a/journal.db
        fill "$left"
        timeout 60 cadre-agent run --config a.yaml --state full/a >out 2>err
        is "an agent with $left KiB left does not start" 1 $?
        has "and says so" err 'full/a/' '[Nn]o space'
    done
    rm -rf full/* && cp -a server full/server
    fill 0
    timeout 60 cadre-coordinator run --config coordinator.yaml --state full/server >out 2>err
    is "a coordinator on a full disk does not start" 1 $?
    has "and says so" err 'full/server/' '[Nn]o space'
    timeout 60 cadre-coordinator init --state full/new >out 2>err
    is "nor is one made" 1 $?
    has "and that is said" err 'full/new' '[Nn]o space'
    timeout 60 cadre-coordinator backup full/b --state server >out 2>err
    is "a backup to a full disk fails" 1 $?
    has "and says so" err 'full/b' '[Nn]o space'
    is "and leaves nothing" "" "$(ls full | grep '^b')"
else
    echo "skip - starts on a full disk: no file system can be mounted here"
fi
coordinator_up
ok "mended, it starts"

done_testing
