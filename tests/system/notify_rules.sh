#!/bin/sh
# Rules: what the configuration says of them, and an agent that is stopped and comes back.
# rings: system
. "$(dirname "$0")/lib.sh"
if [ ! -x "$CADRE_BIN/cadre-notify" ]; then
    echo "skip - cadre-notify is built where libcurl's headers are (installer/deps.sh linux)"
    exit 0
fi
printf "#!/bin/sh\\ncat >>%s/got; echo >>%s/got\\n" "$here" "$here" >page
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
notify:
  away: {event: agent-offline, after: 10s, channels: [page]}
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
end "$coordinator" KILL
coordinator_up
agent_up b
holds "after a kill of the coordinator, that it is back is told" \
    until_true 60 told over agent-offline
holds "and ends it" until_true 30 listed agent-offline b DONE
is "nothing else was told" 2 "$(grep -c . got)"
done_testing
