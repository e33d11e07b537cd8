#!/bin/sh
# Flows through the real programs: the examples, each on agents whose capabilities fit; files that
# are wrong; cancels; kill -9 of the coordinator in the middle of an execution, and of an agent in
# the middle of an evaluation.
# rings: system tsan
. "$(dirname "$0")/lib.sh"
coordinator_up

field() { sed -n "s/^$2  *//p" "$1" | head -n 1; }
execution_is() { cadre execution show "$1" 2>/dev/null | grep -Eq "^state +$2\$"; }
task_state() { cadre execution show "$1" | sed -n "s/^task $2  *\([A-Z]*\).*/\1/p"; }
task_is() { [ "$(task_state "$1" "$2")" = "$3" ]; }
waits_for() { cadre execution show "$1" | grep -Eq "waiting: .*$2"; }
new_execution() {
    cadre execution list --flow "$1" --limit 1 -o json | grep -o '"id":"[^"]*"' | head -n 1 |
        cut -d '"' -f 4
}

# ---- agents ----
agent_up plain --slots 4
for group in windows gpu dmz region-eu region-us linux-build; do cadre group create "$group" \
    >/dev/null; done
cadre group update windows --require os=windows >/dev/null

# group_agent NAME GROUP ENV [OPTION...]: an agent of this group whose jobs find these variables;
# its pid is in agent
group_agent() {
    name=$1 group=$2 variables=$3
    shift 3
    [ -s "$name/identity.json" ] || {
        join_agent "$name"
        printf 'env: {%s}\n' "$variables" >>"$name.yaml"
    }
    cadre-agent run --config "$name.yaml" --state "$name" --worker-group "$group" "$@" \
        >>"$name.log" 2>&1 &
    agent=$!
    pids="$pids $agent"
}
mkdir inbox data backups bin
echo one >data/one && echo two >data/two
group_agent builder linux-build "NOTES: $here/no-notes"
group_agent trainer gpu 'A: b'
group_agent gate dmz "INBOX: $here/inbox"
group_agent vault region-eu "DATA: $here/data, BACKUPS: $here/backups"
# Stand-ins for the shells of Windows, as far as the examples need them: the agent starts them as it
# would the real ones.
cat >bin/powershell <<'END'
#!/bin/sh
while [ $# -gt 1 ]; do shift; done
case $1 in */cadre-start.ps1) set -- "${1%/*}/cadre-script.ps1" ;; *) exit 64 ;; esac
sed -n 's/^[^W]*Write-Output "\(.*\)"$/\1/p' "$1" | tr -d '\r' | while IFS= read -r line; do
    for name in DAY FILE VERSION PRODUCT; do
        eval "value=\${$name-}"
        line=$(printf '%s' "$line" | sed "s/\$env:$name/$value/g")
    done
    printf '%s\n' "$line" | sed 's/""/"/g'
done
END
cat >bin/cmd <<'END'
#!/bin/sh
while [ $# -gt 1 ]; do shift; done
case $1 in */cadre-start.cmd) set -- "${1%/*}/cadre-script.cmd" ;; *) exit 64 ;; esac
sed -n 's/^echo \(.*\)$/\1/p' "$1" | tr -d '\r' | while IFS= read -r line; do
    printf '%s\n' "$line" | sed "s/%PRODUCT%/$PRODUCT/g; s/%VERSION%/$VERSION/g"
done
END
chmod +x bin/powershell bin/cmd
group_agent winbox windows "PATH: '$here/bin:/usr/bin:/bin'"
winbox=$agent
for name in builder trainer gate vault; do
    until_true 30 agent_is "$name" ONLINE || not_ok "agent $name came online"
done

# ---- applying ----
cat >wrong.yaml <<'END'
id: wrong
namespace: company.team
tasks:
  - id: a
    comand: [x]
    workerGroup: {key: windos}
  - id: b
    script: |
      echo fine
      echo {{ inputs.day }}
END
cat >other.yaml <<'END'
id: other
namespace: company.team
tasks:
  - {id: a, script: x, workerGroup: {key: windos}}
END
cadre flow apply "$CADRE_ROOT/examples" wrong.yaml other.yaml >out 2>err
is "files with faults are refused as a whole" 1 $?
has "each fault has its file and line" err \
    '^wrong.yaml:5: task a: unknown key .comand., did you mean .command.' \
    "^wrong.yaml:10: task b: script: .*there is no input 'day'" \
    "^other.yaml:4: task a: workerGroup: there is no worker group 'windos', did you mean .windows" \
    'nothing was applied: 4 problems'
is "and nothing was applied" 1 "$(cadre flow list | wc -l)"
cadre flow apply --check "$CADRE_ROOT/examples" >out 2>err
is "a check changes nothing" "0 1" "$? $(cadre flow list | wc -l)"
cadre flow apply "$CADRE_ROOT/examples" >out 2>err
is "the examples apply as they are" "0 5" "$? $(grep -c 'created, revision 1$' out)"
cadre flow apply "$CADRE_ROOT/examples" >out 2>err
is "applying them again changes nothing" 5 "$(grep -c 'unchanged, revision 1$' out)"
cadre flow show company.builds/windows-linux --source >out
is "the source comes back byte for byte" "$(cat "$CADRE_ROOT/examples/windows-linux.yaml")" \
    "$(cat out)"
cadre flow apply missing.yaml 2>err
is "a file that is not there is an error" 1 $?
has "and is named" err 'missing.yaml'

head -c 10485760 /dev/zero | tr '\0' '#' >large.yaml
cadre flow apply large.yaml 2>err
is "10 MB are not read as a flow" 1 $?
has "and the file is named" err 'large.yaml.*(262144|256)'
printf 'id: a\n\tb: c\n' | cadre flow apply - 2>err
is "a file on standard input is checked, too" 1 $?
has "with its line" err '^stdin:2: '
mkdir -p loop/below && ln -s .. loop/below/up
printf 'id: looped\nnamespace: company\ntasks: [{id: a, command: ["true"]}]\n' >loop/below/a.yaml
is "a link to a folder above is passed over" 'company/looped valid' \
    "$(cadre flow validate loop 2>&1)"
mkdir -p capitals && sed s/looped/one/ loop/below/a.yaml >capitals/A.YAML
sed s/looped/two/ loop/below/a.yaml >capitals/B.Yml
is "a folder's files may have their ends in capitals" 'company/one company/two' \
    "$(cadre flow validate capitals 2>&1 | sed 's/ valid$//' | tr '\n' ' ' | sed 's/ $//')"
deep=deep/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17
mkdir -p "$deep" && cp loop/below/a.yaml deep/ && sed s/looped/lost/ deep/a.yaml >"$deep/b.yaml"
cadre flow validate deep >out 2>err
is "what lies too deep is not left out in silence" 1 $?
has "and says so" err "deep/1/2.*/17 is more than 16 folders deep"
mkdir empty && cadre flow apply empty 2>err
is "a folder without flows is an error" 1 $?
cadre flow show nightly-report 2>err
is "a flow without its namespace is a wrong command line" 2 $?
has "which tells the form" err 'NAMESPACE/FLOW'
cadre trigger show company.imports/file-arrival 2>err
has "so does a trigger without its name" err 'NAMESPACE/FLOW/TRIGGER'
cadre execution logs nonsense 2>err
is "an execution that is none is an error" 1 $?

# ---- a nightly report on Windows ----
id=$(cadre flow run company.reports/nightly-report --input day=2026-01-31 --detach)
holds "the Windows report waits for an agent of its group" until_true 30 waits_for "$id" 'windows'
cadre flow run company.reports/nightly-report --input day=31.1.2026 2>err
is "a day that is none is refused" 125 $?
has "and the input is named" err 'inputs.day: is not a date'
cadre flow run company.reports/nightly-report 2>err
has "and so is one that is missing" err 'inputs.day: is missing'
holds "a Linux machine is not let into a group that requires os=windows" until_true 30 file_has \
    winbox.log requires-not-met
# From here on the stand-ins play the Windows server; tests/windows/flows.sh has one that runs
# Windows programs.
end "$winbox"
cadre group update windows --require os=linux >/dev/null
group_agent winbox windows ''
holds "it goes on when there is one" until_true 60 execution_is "$id" SUCCESS
cadre execution logs "$id" >out
has "outputs of the first task reach the second" out '^published sales-2026-01-31.csv'

# ---- GPU training ----
id=$(cadre flow run company.research/gpu-training --detach)
holds "training waits where no agent has such a GPU, and says which clause" until_true 30 \
    waits_for "$id" 'gpu\.'
is "what comes before it has run" SUCCESS "$(task_state "$id" prepare)"
second=$(cadre flow run company.research/gpu-training --detach)
holds "a second training is queued by the concurrency limit" until_true 30 execution_is "$second" \
    QUEUED
cadre execution cancel "$id" >/dev/null
holds "a cancelled training ends" until_true 30 execution_is "$id" KILLED
is "and what comes behind it never was" "" "$(task_state "$id" report)"
holds "and the second takes its place" until_true 30 execution_is "$second" RUNNING
cadre execution cancel "$second" >/dev/null
sed 's/requires: {gpu.count.*}/requires: {label.gpu: "a*"}/' \
    "$CADRE_ROOT/examples/gpu-training.yaml" >gpu.yaml
cadre flow apply gpu.yaml >out
has "a changed file is a new revision" out 'gpu-training changed, revision 2$'
cadre flow show company.research/gpu-training --revision 1 --source >out
is "the old revision is kept" "$(cat "$CADRE_ROOT/examples/gpu-training.yaml")" "$(cat out)"
group_agent trainer2 gpu 'A: b' --label gpu=a100
cadre flow run company.research/gpu-training --input model=large --input epochs=2 >out 2>err
is "with an agent that fits it trains" 0 $?
has "with its inputs" out '^epoch 2 of 2 on dataset-v7$' '^trained large: large-final.pt$'
has "on that agent" err 'task train runs on trainer2'
cadre flow run company.research/gpu-training --input epochs=1000 2>err
has "an input over its max is refused" err 'inputs.epochs: is more than its max, 100'

# ---- a file arrives on a host behind a firewall ----
evaluated() {
    cadre trigger show company.imports/file-arrival/new-file |
        grep -q '^evaluation .*not-fired, exit code 1'
}
holds "the trigger is evaluated on the host and does not fire" until_true 30 evaluated
is "and has started nothing" 1 "$(cadre execution list --flow company.imports/file-arrival | wc -l)"
printf 'a\nb\nc\n' >inbox/orders.csv
arrived() {
    id=$(new_execution company.imports/file-arrival) && [ -n "$id" ] && execution_is "$id" SUCCESS
}
holds "a file that arrives starts an execution, and is loaded" until_true 60 arrived
cadre execution logs "$id" >out
is "by the host that has it" "3" "$(tr -d ' ' <out)"
holds "and moved" test -e inbox/done/orders.csv
cadre execution show "$id" >out
has "the execution knows its trigger and what it found" out '^trigger  *new-file$' \
    '^inputs  *\{"file":"orders.csv"\}$'
cadre trigger disable company.imports/file-arrival/new-file >out
has "a trigger can be disabled" out 'DISABLED$'
is "one file, one execution" 2 "$(cadre execution list --flow company.imports/file-arrival | wc -l)"
cadre trigger run company.imports/file-arrival/new-file >out 2>err
is "and is then not evaluated by hand either" 1 $?
has "which tells the way out" err 'is disabled' 'cadre trigger enable'
cadre trigger enable company.imports/file-arrival/new-file >out
has "and enabled" out '(ENABLED|EVALUATING)$'
run_by_hand() {
    job=$(cadre trigger run company.imports/file-arrival/new-file 2>/dev/null) && [ -n "$job" ]
}
holds "and evaluated by hand" until_true 30 run_by_hand
cadre job logs --follow "$job" >out 2>err
is "as a job with its own exit code" 1 $?
cadre trigger disable company.imports/file-arrival/new-file >out

# ---- backup in its region ----
cadre flow run company.backup/region-backup --input region=eu >out 2>err
is "a backup runs in its region" 0 $?
is "where the data are" 3 "$(tail -n 1 out | tr -d ' ')"
is "into one archive" 1 "$(ls backups | wc -l)"
cadre flow run company.backup/region-backup --input region=us >out 2>err
is "where no agent is online it fails at once" 1 $?
has "and says why" err 'task backup FAILED \(no-agent\)' 'region-us'
cadre flow run company.backup/region-backup --input region=mars 2>err
has "a region that is none is refused" err 'inputs.region: is not one of the input'\''s values'

# ---- Windows and Linux ----
cadre flow run company.builds/windows-linux --input version=2.0 >out 2>err
is "a pipeline over two systems runs" 0 $?
has "each part in its place" out '^published viewer_2.0.deb viewer-2.0.msi$'
has "a task that may fail is a warning" err 'task notes WARNING \(exit-code 1\)' \
    'execution .* WARNING'

# ---- a flow of Kestra's ----
cat >kestra.yaml <<'END'
id: hello
namespace: company.team
variables: {who: world}
tasks:
  - id: say
    type: io.kestra.plugin.scripts.shell.Commands
    taskRunner: {type: io.kestra.plugin.core.runner.Process}
    commands:
      - echo "hello {{ vars.who }}"
      - echo '::{"outputs":{"n":42}}::'
  - id: log
    type: io.kestra.plugin.core.log.Log
    message: the answer is {{ outputs.say.vars.n }}
END
cadre flow apply kestra.yaml >/dev/null
cadre flow run company.team/hello >out 2>err
is "a flow of Kestra's runs unchanged" 0 $?
has "with its outputs" out '^hello world$' '^the answer is 42$'

cadre flow run company.team/hello -o json >out 2>err
has "as JSON the execution comes at its end, with its task runs" out \
    '^\{"id":.*"state":"SUCCESS".*"taskRuns":\[\{.*"task":"say".*"task":"log"'
has "and the output in front of it" out '"stream":"stdout".*"text":"hello world'

# ---- tasks that are tried again ----
cat >again.yaml <<END
id: again
namespace: company.team
tasks:
  - {id: one, script: "mkdir $here/one || exit 0; exit 3", retry: {interval: 2s, maxAttempts: 2}}
  - {id: two, script: "mkdir $here/two || exit 0; exit 3", retry: {interval: 2s, maxAttempts: 2}}
END
cadre flow apply again.yaml >/dev/null
cadre flow run company.team/again >out 2>err
is "tasks may be tried again" 0 $?
is "and whoever follows hears it of each of them" 2 \
    "$(grep -c 'attempt 1 failed (exit-code); the job is tried again' err)"

# ---- values are text ----
cat >quoting.yaml <<'END'
id: quoting
namespace: company.team
inputs: [{id: v, type: STRING}]
tasks:
  - {id: env, script: 'printf "%s\n" "$V"', env: {V: "{{ inputs.v }}"}}
  - {id: word, command: [printf, '%s\n', "{{ inputs.v }}"]}
END
cadre flow apply quoting.yaml >/dev/null
value='$(touch pwned) `id` "q" {{ inputs.v }}'
cadre flow run company.team/quoting --input "v=$value" >out 2>err
is "values in env and words reach no shell" "$value
$value" "$(cat out)"

# ---- cancel ----
cat >long.yaml <<END
id: long
namespace: company.team
tasks:
  - id: first
    script: |
      echo \$\$ >$here/first.pid
      sleep 300 & echo \$! >$here/child.pid
      wait
  - {id: then, script: "touch $here/then"}
END
cadre flow apply long.yaml >/dev/null
cadre flow run company.team/long >out 2>err &
follower=$!
until_true 30 test -s child.pid || not_ok "the task began"
kill -INT $follower
wait $follower
is "Ctrl-C cancels the execution" 137 $?
holds "the whole process tree is gone" until_true 20 gone "$(cat child.pid)"
id=$(new_execution company.team/long)
is "it is KILLED" KILLED "$(cadre execution show "$id" | field /dev/stdin state)"
holds "and the next task never ran" test ! -e then
cadre execution cancel "$id" 2>err
has "what has ended stays as it is" err 'has ended already'

# ---- kill -9 of the coordinator in the middle of an execution ----
cat >steps.yaml <<END
id: steps
namespace: company.team
tasks:
  - {id: one, script: "echo one | tee -a $here/ran; echo '::{\"outputs\":{\"n\":1}}::'"}
  - id: two
    script: |
      echo two | tee -a $here/ran
      until test -e $here/go; do sleep 0.1; done
      echo '::{"outputs":{"n":{{ outputs.one.n }}2}}::'
  - {id: three, script: "echo three {{ outputs.two.n }} | tee -a $here/ran"}
END
cadre flow apply steps.yaml >/dev/null
cadre flow run company.team/steps >out 2>err &
follower=$!
until_true 30 file_has ran two || not_ok "the second task began"
kill -KILL "$coordinator"
wait "$coordinator" 2>/dev/null
touch go
coordinator_up
wait $follower
is "an execution outlives kill -9 of the coordinator, and so does who follows it" 0 $?
is "every task ran once, in order, with the outputs of those before" "one two three 12" \
    "$(tr '\n' ' ' <ran | sed 's/ $//')"
is "and the follower saw all output once" 5 "$(wc -l <out)"
is "the triggers are there again" DISABLED "$(cadre trigger list |
    sed -n 's/^company.imports[^ ]*  *\([A-Z]*\).*/\1/p')"

# ---- kill -9 of an agent in the middle of an evaluation ----
cadre group create watch >/dev/null
cat >watch.yaml <<END
id: watch
namespace: company.team
tasks: [{id: a, script: echo fired}]
triggers:
  - id: t
    interval: 1s
    lease: 2s
    workerGroup: {key: watch}
    script: |
      test ! -e $here/answer || exit 0
      echo x >>$here/evaluations
      sleep 300
END
cadre flow apply watch.yaml >/dev/null
group_agent eyes watch 'A: b'
until_true 30 test -s evaluations || not_ok "the evaluation began"
end "$agent" KILL
touch answer
group_agent eyes watch ''
fired() { cadre trigger show company.team/watch/t | grep -q ' fired, exit code 0, execution '; }
holds "an agent that dies in an evaluation locks nothing" until_true 60 fired
cadre trigger show company.team/watch/t >out
has "its evaluation is an error in the history" out '^evaluation 1 .* error'
cadre flow show company.team.watch >out
has "a flow is also found by its name with a dot" out '^id +watch'
cadre flow delete company.team.watch >out
is "it is told with a slash" 'company.team/watch deleted' "$(cat out)"
is "a deleted flow takes its triggers along" 0 "$(cadre trigger list | grep -c company.team/watch)"

done_testing
