#!/bin/sh
# The Debian packages: built twice alike, installed in booted containers, used, broken, upgraded,
# removed.
#
# Three machines: "queue" has the coordinator, "alpha" and "beta" an agent each. Two versions are
# built of the same tree, so that there is one to upgrade from.
. "$(dirname "$0")/lib-container.sh"

old=$here/old new=$here/new
first=0.0.1~first
current=$(sed -n 's/^project(cadre VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")

# ---- building ----

# One time for all, whatever is committed meanwhile.
SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct 2>/dev/null ||
    stat -c %Y "$root/CMakeLists.txt")
export SOURCE_DATE_EPOCH

build() { sh "$root/installer/debian/build.sh" "$@" >build.out 2>&1; }

# All programs that are here, but for node: of one that two folders have, the first.
mkdir nodeless
echo "$PATH" | tr : '\n' | while read -r folder; do ln -s "$folder"/* nodeless/ 2>/dev/null; done
rm -f nodeless/node nodeless/nodejs nodeless/npm nodeless/npx
(PATH=$here/nodeless && export PATH && build --build nodeless-build --out nodeless-out)
is "without node no package is built" 1 $?
has "and node is named" build.out 'CADRE_PAGE is ON' 'node is missing; run: sh'
holds "before anything is compiled" [ ! -e nodeless-build/build.log ]
is "nothing is left in the way" "" "$(ls nodeless-out)"
rm -rf nodeless nodeless-build nodeless-out

build --version "$first" --out "$old" && build --out "$new" || {
    cat build.out
    not_ok "the packages are built"
    done_testing
}
# Without libpq there is no module to be packed.
modules=$(grep -c 'cadre-coordinator-postgresql' "$root/coordinator/CMakeLists.txt")
[ "$modules" -eq 0 ] || modules=1
all=$((4 + modules))
is "the packages are built" "$all $all" "$(ls "$old"/*.deb | wc -l) $(ls "$new"/*.deb | wc -l)"

# depends PACKAGE: the names of packages that it needs, each on a line
depends() {
    dpkg-deb -f "$new/$1"_*.deb Depends Pre-Depends | sed 's/^[A-Za-z-]*: //' | tr ',|' '\n\n' |
        sed 's/^ *//; s/ .*//'
}
is "the coordinator does not need libpq" 0 "$(depends cadre-coordinator | grep -c '^libpq')"
if [ "$modules" -eq 1 ]; then
    is "the module is one file, and its documents" \
        "./usr/lib/cadre/cadre-coordinator-postgresql.so -rw-r--r--" \
        "$(dpkg-deb -c "$new"/cadre-coordinator-postgresql_*.deb | awk '!/\/$/ && !/usr\/share\// {
            print $6, $1 }')"
    is "it needs libpq and its coordinator" "cadre-coordinator libpq5" \
        "$(depends cadre-coordinator-postgresql | grep -E '^(cadre|libpq)' | sort | tr '\n' ' ' |
            sed 's/ $//')"
    is "the coordinator of its own version alone" 1 \
        "$(dpkg-deb -f "$new"/cadre-coordinator-postgresql_*.deb Depends |
            grep -cF "cadre-coordinator (= $current)")"
fi

# The same sources in another place, compiled anew.
mkdir -p elsewhere/tree
(cd "$root" && tar -cf - --exclude=./build --exclude=./.git .) | tar -xf - -C elsewhere/tree
# Compiled by the compiler, not taken from what the first build left.
CADRE_DEPS_DIR=${CADRE_DEPS_DIR:-$root/build/deps} CCACHE_DISABLE=1 \
    sh elsewhere/tree/installer/debian/build.sh --out elsewhere/packages --build elsewhere/build \
        >build.out 2>&1 ||
    cat build.out
(cd "$new" && sha256sum ./*.deb) >new.sums
(cd elsewhere/packages && sha256sum ./*.deb) >elsewhere.sums
is "built in another place they are the same bytes" "$(cat new.sums)" "$(cat elsewhere.sums)"
rm -rf elsewhere

# ---- installed by hand ----

# By DESTDIR, below a prefix, from the build that made the packages.
by_hand() { DESTDIR=$here/image cmake --install "$root/build/debian" --prefix /opt/cadre "$@"; }
by_hand >install.out 2>&1
is "cmake --install installs" 0 $?
prefix=$here/image/opt/cadre
is "and nothing but below the prefix" "./opt ./opt/cadre" \
    "$(cd "$here/image" && find . -mindepth 1 -maxdepth 2 | sort | tr '\n' ' ' | sed 's/ $//')"
for program in cadre cadre-agent cadre-coordinator cadre-notify; do
    is "$program runs from there" "$program $current" "$("$prefix/bin/$program" version 2>&1)"
done
for page in man/man1/cadre.1 man/man8/cadre-agent.8 man/man8/cadre-coordinator.8 \
    man/man8/cadre-notify.8 bash-completion/completions/cadre \
    doc/cadre/LICENSE doc/cadre/copyright \
    doc/cadre/docs/guide.md doc/cadre/examples/nightly-report.yaml; do
    holds "there is share/$page" test -s "$prefix/share/$page"
done
grep -rlE '/usr/(bin|share)/' "$prefix/lib" "$prefix/share/doc/cadre/strict.conf" >left.out
is "units and what belongs to them name no other place" "" "$(cat left.out)"
# paths_named FILE...: what they name below the prefix
paths_named() { grep -ohE '/opt/cadre[A-Za-z0-9_./-]*' "$@" | sort -u; }
missing=
for path in $(paths_named "$prefix"/lib/*/*.conf "$prefix"/lib/systemd/system/*.service); do
    [ -e "$here/image$path" ] || missing="$missing $path"
done
is "all that they name is there" "" "$missing"
is "which is programs, documents and samples" 6 \
    "$(paths_named "$prefix"/lib/*/*.conf "$prefix"/lib/systemd/system/*.service | wc -l)"
rm -rf image
by_hand --component agent >install.out 2>&1
is "a component alone is installed, too" "cadre-agent 1" \
    "$(ls image/opt/cadre/bin) $(ls image/opt/cadre/lib/systemd/system | wc -l)"
rm -rf image

if command -v lintian >/dev/null 2>&1; then
    lintian --allow-root --no-cfg --fail-on error,warning "$new"/*.deb >lintian.out 2>&1
    is "lintian finds no error and no warning" 0 $?
    grep -E '^[EW]:' lintian.out
else
    echo "skip - lintian finds no error and no warning: there is no lintian here"
fi

# complete PROGRAM WORD...: what bash would offer for the last word
complete() {
    COMPLETION=$root/build/debian/pages/$1.bash bash -c '
        . "$COMPLETION"
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _"$(echo "$1" | tr - _)" 2>/dev/null
        echo "${COMPREPLY[*]}"' complete "$@"
}
is "completion offers subcommands" "cancel" "$(complete cadre job ca)"
is "completion offers the flags of a command" "--queue-timeout" "$(complete cadre run --que)"
is "completion offers values" "FAIL" "$(complete cadre run --fallback FA)"
is "completion leaves the job's own command alone" "" "$(complete cadre run -- uname --)"
is "completion knows the daemons" "--worker-group" "$(complete cadre-agent join --work)"

machines_ready

# ---- installing ----

for machine in "queue 10.77.0.1" "alpha 10.77.0.2" "beta 10.77.0.3"; do
    # shellcheck disable=SC2086
    machine_up $machine || not_ok "a machine boots: $machine"
done
for name in queue alpha beta; do
    mkdir "$here/machines/$name/root/root/old" "$here/machines/$name/root/root/new"
    cp "$old"/*.deb "$here/machines/$name/root/root/old/"
    cp "$new"/*.deb "$here/machines/$name/root/root/new/"
done

on_queue() { in_machine queue "$@"; }
active() { in_machine "$1" systemctl is-active --quiet "$2"; }
agent_is() { on_queue cadre agent show "$1" 2>/dev/null | grep -Eq "^state +$2\$"; }
job_is() { on_queue cadre job show "$1" 2>/dev/null | grep -Eq "^state +$2\$"; }
job_field() { on_queue cadre job show "$1" | sed -n "s/^$2  *//p"; }
main_pid() { in_machine "$1" systemctl show -p MainPID --value "$2"; }
owner_of() { in_machine "$1" stat -c '%U %a' "$2"; }
detach() { on_queue cadre run --detach --group linux "$@" 2>/dev/null; }

in_shell queue 'dpkg -i old/cadre-cli_*.deb old/cadre-coordinator_*.deb' >install.out 2>&1
code=$?
is "the coordinator is installed" 0 $code
[ "$code" -eq 0 ] || done_testing
has "and says what comes next" install.out 'cadre token create join' 'advertise'
holds "it runs" active queue cadre-coordinator
on_queue cadre status >status.out 2>&1
is "root can use the command line at once" 0 $?
is "its state is its own" "cadre-coordinator 700" "$(owner_of queue /var/lib/cadre/coordinator)"
is "so is its key" "cadre-coordinator 600" "$(owner_of queue /var/lib/cadre/coordinator/ca.key)"
on_queue journalctl -u cadre-coordinator --no-pager >journal.out
has "the journal has the next step, too" journal.out 'coordinator initialised' \
    'cadre token create join'
score=$(on_queue systemd-analyze security cadre-coordinator 2>/dev/null |
    sed -n 's/.*level for.*: \([0-9.]*\) .*/\1/p')
holds "its unit is exposed less than 3.0 ($score)" awk -v s="${score:-10}" \
    'BEGIN { exit !(s < 3.0) }'
on_queue systemctl restart cadre-coordinator
is "it starts again" 0 $?
is "and was initialised once" 1 "$(on_queue journalctl -u cadre-coordinator --no-pager |
    grep -c 'coordinator initialised')"
is "it has its page" 200 "$(on_queue curl -sk -o /root/app.js -w '%{http_code}' \
    https://127.0.0.1:7433/app.js)"
holds "with its script" on_queue test -s /root/app.js

on_queue cadre group create linux >/dev/null 2>&1
token=$(on_queue cadre token create join --group linux 2>/dev/null)
in_machine alpha env CADRE_TOKEN="$token" CADRE_GROUP=linux dpkg -i --no-triggers \
    /root/old/cadre-agent_"$first"_"$(dpkg --print-architecture)".deb >install.out 2>&1
is "an agent is installed with a token in the environment" 0 $?
has "and joins" install.out 'joined .* as alpha .*group linux'
holds "and is online" until_true 20 agent_is alpha ONLINE

in_shell beta 'dpkg -i old/cadre-agent_*.deb' >install.out 2>&1
is "an agent is installed without a token" 0 $?
has "and is told how to join" install.out 'cadre-agent join TOKEN'
is "nothing has failed there" "" \
    "$(in_machine beta systemctl list-units --failed --plain --no-legend)"
token=$(on_queue cadre token create join --group linux 2>/dev/null)
in_machine beta cadre-agent join "$token" >join.out 2>&1
is "joining as root" 0 $?
has "starts the service" join.out 'the service cadre-agent runs'
until_true 20 agent_is beta ONLINE || {
    not_ok "and it is online"
    done_testing
}
ok "and it is online"
is "the key belongs to the service" "cadre-agent 600" \
    "$(owner_of beta /var/lib/cadre/agent/agent.key)"
is "the state folder is closed" "cadre-agent 700" "$(owner_of beta /var/lib/cadre/agent)"
is "the configuration is the administrator's" "root 644" "$(owner_of beta /etc/cadre/agent.yaml)"
is "every key is in it still, commented out" \
    "$(grep -cE '^#[a-zA-Z]+:' "$root/installer/agent.yaml")" \
    "$(in_machine beta grep -cE '^#[a-zA-Z]+:' /etc/cadre/agent.yaml)"

# ---- jobs ----

on_queue cadre run --group linux -- sh -c 'cat /proc/self/cgroup; id -un; exit 7' >job.out 2>&1
is "a job runs and keeps its exit code" 7 $?
has "as the service's account in a cgroup of its own" job.out '^cadre-agent$' \
    '0::/.*cadre-agent.service/job-'
job=$(on_queue cadre job list --limit 1 -o json | sed -n 's/.*"id": *"\([^"]*\)".*/\1/p' |
    head -n 1)
where=$(job_field "$job" agentName)
logged() {
    in_machine "${where:-alpha}" journalctl --no-pager -o cat CADRE_JOB="$job" \
        CADRE_AGENT="$where" | grep -q 'ended state=FAILED exit=7'
}
holds "the journal finds it by job and agent" until_true 10 logged

# What tries to stay: its own session, a parent that is gone, a clean environment, and deaf to
# SIGTERM.
stubborn='trap "" TERM
    (setsid sh -c "trap \"\" TERM; exec sleep 7001" </dev/null >/dev/null 2>&1 &)
    (env -i setsid sh -c "trap \"\" TERM; (exec sleep 7002) & exit" </dev/null >/dev/null 2>&1 &)
    while :; do sleep 1; done'
cancelled=$(detach -- sh -c "$stubborn")
late=$(detach --timeout 12s -- sh -c "$stubborn")
sleepers() {
    for m in alpha beta; do in_machine $m pgrep -fc '^sleep 700[12]'; done |
        awk '{ n += $1 } END { print n + 0 }'
}
sleepers_are() { [ "$(sleepers)" -eq "$1" ]; }
holds "jobs that daemonise are there" until_true 30 sleepers_are 4
on_queue cadre job cancel "$cancelled" >/dev/null 2>&1
holds "a cancelled one is killed" until_true 40 job_is "$cancelled" KILLED
holds "one that takes too long is ended" until_true 40 job_is "$late" FAILED
is "for that reason" timeout "$(job_field "$late" reason)"
is "and nothing of them is left" 0 "$(sleepers)"
cgroups_of_jobs() { in_shell "$1" 'ls -d /sys/fs/cgroup/system.slice/cadre-agent.service/job-*'; }
is "nor are their cgroups" "" "$(for m in alpha beta; do cgroups_of_jobs $m 2>/dev/null; done)"

# ---- reload, wrong configuration ----

in_shell alpha 'echo "labels: {zone: dmz}" >>/etc/cadre/agent.yaml && systemctl reload cadre-agent'
is "the agent reloads" 0 $?
on_queue cadre run --group linux --queue-timeout 30s --require label.zone=dmz -- hostname \
    >job.out 2>&1
is "and offers its new label" "0 alpha" "$? $(cat job.out)"
in_shell alpha 'echo "slotz: 3" >>/etc/cadre/agent.yaml; systemctl restart cadre-agent' \
    >restart.out 2>&1
holds "a wrong configuration does not start" test $? -ne 0
is "and is not tried again and again" "failed 0" \
    "$(in_machine alpha systemctl show -p ActiveState --value cadre-agent) $(in_machine alpha \
        systemctl show -p NRestarts --value cadre-agent)"
in_machine alpha journalctl -u cadre-agent -p err --no-pager >journal.out
has "the journal has file and line, as an error" journal.out "agent.yaml:[0-9]+: .*slotz"
in_shell alpha 'cd /etc/cadre && sed -i /slotz/d agent.yaml && echo "drainTimeout: 1m" >>agent.yaml
    systemctl start cadre-agent'
holds "mended it starts" until_true 20 agent_is alpha ONLINE

# ---- stop ----

# Shorter than the jobs need: only the agent's word for it keeps the service manager from killing
# them.
drop_in() { # drop_in MACHINE UNIT LINE...
    di_folder=/etc/systemd/system/$2.service.d di_machine=$1
    in_machine "$1" mkdir -p "$di_folder"
    shift 2
    printf '%s\n' '[Service]' "$@" >"$here/machines/$di_machine/root$di_folder/test.conf"
    in_machine "$di_machine" systemctl daemon-reload
}
# job_on NAME [OPTION...] -- COMMAND...: its id; by way of a label that only that agent has
job_on() {
    jo_zone=dmz
    [ "$1" = alpha ] || jo_zone=lan
    shift
    detach --require label.zone=$jo_zone "$@"
}
in_shell beta 'printf "labels: {zone: lan}\ndrainTimeout: 3s\n" >>/etc/cadre/agent.yaml
    systemctl reload cadre-agent'
drop_in alpha cadre-agent TimeoutStopSec=2s
job=$(job_on alpha -- sh -c 'sleep 8; echo finished')
holds "a job runs" until_true 20 job_is "$job" RUNNING
in_machine alpha systemctl stop cadre-agent
is "it may finish when its agent is stopped" "SUCCESS" "$(job_field "$job" state)"
is "the stop went well" success "$(in_machine alpha systemctl show -p Result --value cadre-agent)"
in_machine alpha systemctl start cadre-agent
job=$(job_on beta -- sh -c 'exec sleep 600')
holds "a long one runs" until_true 20 job_is "$job" RUNNING
in_machine beta systemctl stop cadre-agent
is "it is ended when the drain time is over" "FAILED drain" \
    "$(job_field "$job" state) $(job_field "$job" reason)"
in_machine beta systemctl start cadre-agent
holds "both agents are back" until_true 20 agent_is beta ONLINE

# ---- what breaks ----

job=$(job_on alpha --lease 10m -- sh -c 'sleep 7003; true')
holds "a job runs" until_true 20 job_is "$job" RUNNING
in_machine alpha kill -KILL "$(main_pid alpha cadre-agent)"
holds "an agent that was killed is restarted, and its job is over long before its lease" \
    until_true 30 job_is "$job" FAILED
is "for that reason" interrupted "$(job_field "$job" reason)"
is "and none of its processes is left" 0 "$(in_machine alpha pgrep -fc '^sleep 7003')"

drop_in alpha cadre-agent WatchdogSec=2s TimeoutAbortSec=1s RestartSec=1s
in_machine alpha systemctl restart cadre-agent
holds "with a short watchdog it is online" until_true 20 agent_is alpha ONLINE
job=$(job_on alpha --lease 10m -- sh -c 'sleep 7004; true')
holds "a job runs" until_true 20 job_is "$job" RUNNING
hung=$(main_pid alpha cadre-agent)
in_machine alpha kill -STOP "$hung"
another_pid() {
    set -- "$1" "$2" "$(main_pid "$1" cadre-agent)"
    [ "$3" -gt 0 ] && [ "$3" != "$2" ]
}
holds "an agent that hangs is restarted" until_true 30 another_pid alpha "$hung"
holds "and its job is over" until_true 30 job_is "$job" FAILED
is "for that reason, too" interrupted "$(job_field "$job" reason)"
is "it was the watchdog" 1 "$(in_machine alpha journalctl -u cadre-agent --no-pager |
    grep -c 'Watchdog timeout')"

on_queue systemctl stop cadre-coordinator
before=$(main_pid alpha cadre-agent)
seconds=$(date +%s)
waited() { [ $(($(date +%s) - seconds)) -ge 6 ]; }
until_true 10 waited
is "an agent whose coordinator is away is left alone" "$before active" \
    "$(main_pid alpha cadre-agent) $(in_machine alpha systemctl is-active cadre-agent)"
on_queue systemctl start cadre-coordinator
holds "and it comes back to it" until_true 40 agent_is alpha ONLINE

job=$(job_on alpha -- sh -c 'sleep 6; echo finished')
holds "a job runs" until_true 20 job_is "$job" RUNNING
on_queue kill -KILL "$(main_pid queue cadre-coordinator)"
coordinator_back() { on_queue cadre status >/dev/null 2>&1; }
holds "a coordinator that was killed is restarted" until_true 30 coordinator_back
holds "and the job never noticed" until_true 60 job_is "$job" SUCCESS

# ---- upgrade ----

in_machine alpha rm -r /etc/systemd/system/cadre-agent.service.d
in_machine alpha systemctl daemon-reload
in_machine alpha systemctl restart cadre-agent
holds "the agent runs as it is shipped" until_true 20 agent_is alpha ONLINE
identity=$(in_machine alpha cat /var/lib/cadre/agent/identity.json)
settings=$(in_machine alpha cat /etc/cadre/agent.yaml)
job=$(job_on alpha -- sh -c 'echo before; until [ -e "$HOME/go" ]; do sleep 0.2; done
    echo after; exit 9')
holds "a job runs" until_true 20 job_is "$job" RUNNING
in_shell queue 'dpkg -i new/cadre-cli_*.deb new/cadre-coordinator_*.deb' >install.out 2>&1
is "the coordinator is upgraded" "0 cadre-coordinator $current" \
    "$? $(on_queue cadre-coordinator version)"
holds "it runs again" until_true 30 coordinator_back

# ---- messages, within the restrictions of the unit ----

# A mail server and a web server on the machine itself, with a certificate that only caFile trusts.
sinks=
if command -v python3 >/dev/null 2>&1 && command -v openssl >/dev/null 2>&1; then
    sinks=yes
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
        -subj /CN=localhost -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
        -keyout tls.key -out tls.pem 2>openssl.log
    is "a certificate is made for the servers" 0 $?
    cp tls.pem "$here/machines/queue/root/srv/sinks.pem"
    echo "hush" >"$here/machines/queue/root/srv/mail.password"
    on_queue chmod 644 /srv/sinks.pem
    on_queue chown cadre-coordinator /srv/mail.password
    on_queue chmod 400 /srv/mail.password
    holds "there is a mail server" sink_up queue smtp mails tls.pem tls.key
    mail_port=${sink_port:-1}
    holds "there is a web server" sink_up queue https hooks tls.pem tls.key
    hook_port=${sink_port:-1}
fi
cat >>"$here/machines/queue/root/etc/cadre/coordinator.yaml" <<'END'
channels:
  page: {kind: command, command: [/bin/sh, -c, "cat >/var/lib/cadre/coordinator/paged"]}
  out: {kind: command, command: [/bin/sh, -c, "echo x >/etc/paged"]}
END
[ -z "$sinks" ] || cat >>"$here/machines/queue/root/etc/cadre/coordinator.yaml" <<END
  mail:
    kind: mail
    server: localhost:$mail_port
    caFile: /srv/sinks.pem
    user: cadre
    passwordFile: /srv/mail.password
    from: cadre@example.com
    to: [ops@example.com]
  hook: {kind: webhook, url: "https://localhost:$hook_port/x", caFile: /srv/sinks.pem}
END
on_queue systemctl restart cadre-coordinator
holds "the coordinator has channels" until_true 30 coordinator_back
on_queue cadre notify test page >notify.out 2>&1
is "without cadre-notify nothing is delivered" 1 $?
has "and the package is named" notify.out 'the package cadre-notify'
in_shell queue 'dpkg -i new/cadre-notify_*.deb' >install.out 2>&1
is "cadre-notify is installed" 0 $?
on_queue cadre notify test page >notify.out 2>&1
is "a command gets a message" "0 page: delivered" "$? $(cat notify.out)"
has "on its standard input" "$here/machines/queue/root/var/lib/cadre/coordinator/paged" \
    '"event":"test"'
on_queue cadre notify test out >notify.out 2>&1
is "what the unit forbids is forbidden to it" 1 $?
has "and says so" notify.out 'Read-only file system'
if [ -n "$sinks" ]; then
    on_queue cadre notify test mail >notify.out 2>&1
    is "a mail gets through" "0 mail: delivered" "$? $(cat notify.out)"
    has "by TLS, with the password of the file" mails/1 '^TLS yes' '^AUTH cadre/hush' \
        '^TO .*ops@example.com' '^Subject: .*Cadre'
    on_queue cadre notify test hook >notify.out 2>&1
    is "a web hook gets through" "0 hook: delivered" "$? $(cat notify.out)"
    has "with the event" hooks/1 '^POST /x HTTP' '"event":"test"'
else
    echo "skip - mail and web hooks under the unit: there is no python3 or openssl here"
fi

in_shell alpha 'dpkg -i new/cadre-agent_*.deb' >install.out 2>&1
is "the agent is upgraded without a question" 0 $?
holds "without waiting for the job" job_is "$job" RUNNING
in_machine alpha touch /var/lib/cadre/home/go
holds "which may finish" until_true 60 job_is "$job" FAILED
is "its own result arrives" "exit-code 9" "$(job_field "$job" reason) $(job_field "$job" exitCode)"
is "with the output of before and after" "before after" \
    "$(on_queue cadre job logs "$job" | tr '\n' ' ' | sed 's/ $//')"
version_is() {
    on_queue cadre agent list |
        awk -v name="$1" -v v="$2" '$1 == name && $7 == v { found = 1 } END { exit !found }'
}
holds "then the new agent runs" until_true 40 version_is alpha "$current"
is "with its identity" "$identity" "$(in_machine alpha cat /var/lib/cadre/agent/identity.json)"
is "and its configuration" "$settings" "$(in_machine alpha cat /etc/cadre/agent.yaml)"
holds "the old agent beside it still serves" version_is beta "$first"

# ---- a stricter unit ----

in_shell alpha 'install -D -m 644 /usr/share/doc/cadre-agent/examples/strict.conf \
    /etc/systemd/system/cadre-agent.service.d/strict.conf && systemctl daemon-reload &&
    systemctl restart cadre-agent' >strict.out 2>&1
is "the agent starts with the stricter drop-in" 0 $?
on_queue cadre run --group linux --queue-timeout 30s --require label.zone=dmz -- \
    sh -c 'touch /etc/x 2>/dev/null && exit 3; cat /proc/self/cgroup; echo "$HOME" >"$HOME/y"' \
        >job.out 2>&1
is "and runs jobs, which cannot write where they should not" 0 $?
has "each in its cgroup still" job.out '0::/.*cadre-agent.service/job-'

# ---- reboot ----

job=$(job_on beta -- sh -c 'exec sleep 600')
holds "a job runs" until_true 20 job_is "$job" RUNNING
machine_reboot beta || not_ok "the machine boots again"
holds "after a reboot the agent is back" until_true 40 agent_is beta ONLINE
is "its job was told to end" "FAILED drain" "$(job_field "$job" state) $(job_field "$job" reason)"
on_queue cadre run --group linux --queue-timeout 30s --require label.zone=lan -- hostname \
    >job.out 2>&1
is "and it runs jobs" "0 beta" "$? $(cat job.out)"

# ---- removal ----

in_machine beta dpkg -r cadre-agent >remove.out 2>&1
is "the agent is removed" 0 $?
holds "and is offline" until_true 20 agent_is beta OFFLINE
in_machine beta test -s /var/lib/cadre/agent/identity.json -a -s /etc/cadre/agent.yaml
is "data and configuration stay" 0 $?
in_shell beta 'dpkg -i new/cadre-agent_*.deb' >install.out 2>&1
holds "installed again it is the agent that it was" until_true 30 agent_is beta ONLINE
in_machine beta dpkg -P cadre-agent >remove.out 2>&1
is "the agent is purged" 0 $?
# left_on MACHINE ACCOUNT: folders, links of units and accounts that are there
left_on() {
    in_shell "$1" 'ls -d /var/lib/cadre /etc/cadre /etc/systemd/system/cadre* \
        /etc/systemd/system/*/cadre* 2>/dev/null
        getent passwd '"$2"'; getent group '"$2"
}
is "nothing of it is left" "" "$(left_on beta cadre-agent)"
in_shell queue 'echo "# mine" >>/etc/cadre/coordinator.yaml; dpkg -r cadre-coordinator' \
    >remove.out 2>&1
in_machine queue test -s /var/lib/cadre/coordinator/ca.key
is "the coordinator is removed, its data stays" 0 $?
in_machine queue dpkg -P cadre-coordinator cadre-notify cadre-cli >remove.out 2>&1
is "nothing is left of it when it is purged" "" "$(left_on queue cadre-coordinator)"
done_testing
