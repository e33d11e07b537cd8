#!/bin/sh
# Rules: what the configuration says of them, and an agent that is stopped and comes back.
# rings: system
. "$(dirname "$0")/lib.sh"
if [ ! -x "$CADRE_BIN/cadre-notify" ]; then
    echo "skip - cadre-notify is built where libcurl's headers are (installer/deps.sh linux)"
    exit 0
fi
# one write for each event: two may come at the same time
cat >page <<END
#!/bin/sh
event=\$(cat)
printf '%s\\n' "\$event" >>$here/got
END
chmod +x page

# ---- what is wrong is told by line ----
complains() { # NAME PATTERN, the rules on standard input
    {
        printf 'channels:\n  ops: {kind: command, command: [/bin/true]}\nnotify:\n'
        cat
    } >bad.yaml
    cadre-coordinator run --config bad.yaml --state nowhere >out 2>&1
    is "$1: it does not start" 2 $?
    has "$1" out "$2"
}
complains "a slip in a channel" \
    "bad.yaml:7: notify: rule 'a': there is no channel 'osp', did you mean 'ops'" <<'END'
  a:
    event: agent-offline
    channels:
      - osp
END
complains "an event that there is not" \
    "bad.yaml:4: notify: rule 'a': there is no event 'agent-ofline', did you mean 'agent-offline'" \
    <<'END'
  a: {event: agent-ofline, channels: [ops]}
END
complains "a time out of bounds" "bad.yaml:4: notify: rule 'a': 'after' is a duration from 10s" \
    <<'END'
  a: {event: agent-offline, after: 1s, channels: [ops]}
END
complains "a list" "bad.yaml:3: notify: must be a mapping" <<'END'
  - {event: agent-offline, channels: [ops]}
END
cat >bad.yaml <<'END'
notify:
  a: {event: agent-offline, after: 1s, channels: [ops]}
  b: {event: agent-offline, channels: ops}
END
cadre-coordinator check-config --config bad.yaml >out 2>&1
has "check-config tells them all" out "bad.yaml:2: .*'a'" "bad.yaml:3: .*'b'"

# ---- an agent ----
cat >coordinator.yaml <<END
listen: 127.0.0.1:0
channels:
  page: {kind: command, command: [$here/page]}
  spare: {kind: command, command: [$here/page]}
notify:
  away: {event: agent-offline, after: 10s, channels: [page]}
  few: {event: group-short, group: default, channels: [page]}
  full: {event: disk-low, below: 1024TiB, channels: [page]}
  young: {event: token-ends, within: 365d, channels: [page]}
  certificates: {event: certificate-ends, within: 365d, channels: [page]}
  lost: {event: lease-lost, channels: [page]}
  missed: {event: schedule-missed, namespace: t, channels: [page]}
  old: {event: queue-old, channels: [page]}
  failed: {event: execution-failed, namespace: t, channels: [page]}
END
coordinator_up
agent_up a
agent_up b
told() { file_has got "\"event\":\"$2\",\"state\":\"$1\""; }
listed() { cadre notify list | grep -Eq "^page +$1 +$2 +$3 .* delivered"; }
end "$agent"
holds "an agent that is stopped is told" until_true 60 told raised agent-offline
has "with what is known" got '"title":"agent b is offline"' '"agent":"b"' '"group":"default"'
holds "the list has it" until_true 30 listed agent-offline b OPEN
cadre namespace set n --notify pge >out 2>&1
has "a namespace names no channel that there is not" out "no channel 'pge'" "did you mean 'page'"
cadre namespace set n --notify page:execution-faild >out 2>&1
has "nor an event" out "notify\[0\].events: .* did you mean 'execution-failed'"
cadre namespace set n --notify page:execution-failed >out 2>&1
cadre namespace set o --notify spare >out 2>&1
end "$coordinator" KILL
sed -i '/^  spare:/d' coordinator.yaml
coordinator_up
has "a channel that is gone, and a namespace names, is told in the log" coordinator.log \
    "namespace o: notify: there is no channel 'spare' in coordinator.yaml any more"
agent_up b
holds "after a kill of the coordinator, that it is back is told" \
    until_true 60 told over agent-offline
holds "and ends it" until_true 30 listed agent-offline b DONE
is "and nothing else of agents" 2 "$(grep -c '"event":"agent-offline"' got)"

# ---- others ----
holds "a disk that is low is told" file_has got '"title":"the coordinator.s disk has '
is "once, also after the kill" 1 "$(grep -c '"event":"disk-low"' got)"
cat >f.yaml <<'END'
id: f
namespace: t.u
tasks:
  - {id: a, type: io.kestra.plugin.core.execution.Fail, errorMessage: broken}
END
cadre flow apply f.yaml >out 2>&1
cadre flow run t.u/f >out 2>&1
holds "a namespace tells of its flows" until_true 30 told raised execution-failed
cadre namespace show n.x >out 2>&1
has "what a namespace tells outlives the kill" out '^notify +page:execution-failed' \
    '^notifyFrom +namespace n$'
sed 's/^namespace: .*/namespace: n.x/' f.yaml >g.yaml
cadre flow apply g.yaml >out 2>&1
cadre flow run n.x/f >out 2>&1
holds "and it tells of the flows below it" until_true 30 file_has got '"title":"flow n.x/f failed"'
cadre namespace set n --notify '' >out 2>&1
cadre namespace list >out 2>&1
is "and can be taken away" 0 "$(grep -c '^n ' out)"
is "nothing else was told" 5 "$(grep -c . got)"
done_testing
