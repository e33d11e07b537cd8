#!/bin/sh
# Flows as Kestra's users bring them, from the file to the output: what bash and an interpreter's
# path do, which values later tasks see.
. "$(dirname "$0")/lib.sh"
coordinator_up
agent_up a --slots 2

mkdir -p venv/bin
printf '#!/bin/sh\necho "begun as $0"\nexec python3 "$@"\n' >venv/bin/python3
chmod +x venv/bin/python3
cat >values.yaml <<END
id: values
namespace: company
labels: {}
revision: 3
deleted: false
errors: []
inputs:
  - {id: note, type: STRING, required: false}
  - {id: size, type: INT}
  - {id: ratio, type: FLOAT, defaults: 1.0}
variables: {version: 1.10, list: [1.0, 9007199254740993]}
tasks:
  - id: pipe
    type: io.kestra.plugin.scripts.shell.Commands
    taskRunner: {type: io.kestra.plugin.core.runner.Process}
    containerImage: ubuntu
    interpreter: [bash, -c]
    commands:
      - seq 1 100000 | head -n 1
      - echo after
  - id: path
    type: io.kestra.plugin.scripts.python.Script
    interpreter: [$here/venv/bin/python3]
    script: print("hello of Python")
  - id: work
    type: io.kestra.plugin.scripts.shell.Script
    interpreter: [$(command -v bash), -c]
    script: |
      false | true
      echo '::{"outputs":{"name":"kept","row":9007199254740993,"version":1.0,"list":[1.0,2.5]}}::'
      echo '::{"outputs":{"least":-9223372036854775808,"more":1e400,"none":NaN}}::'
  - {id: silent, type: io.kestra.plugin.scripts.shell.Script, script: exit 3, allowFailure: true}
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: |
      exit {{ outputs.work.exitCode }} and {{ outputs.silent.exitCode }}
      row {{ outputs.work.vars.name }} {{ outputs.work.vars.row }} {{ outputs.work.least }}
      float {{ outputs.work.vars.version }} {{ outputs.work.vars.list }} {{ outputs.work.more }}
      vars {{ outputs.silent.vars }} {{ outputs.work.vars.none }}
      given [{{ inputs.note }}] {{ inputs.size }} {{ inputs.ratio }} {{ inputs.note ?? 'no note' }}
      fixed {{ vars.version }} {{ vars.list }}
      blanks [ {{- inputs.size -}} ]
    retry: {type: constant, interval: PT1S, maxAttempts: 2}
  - {id: all, type: io.kestra.plugin.core.log.Log, message: "{{ outputs.work.vars }}"}
END
cadre flow apply values.yaml >out 2>&1
is "a flow with all that Kestra's users write applies" 0 $?
timeout 120 cadre flow run company/values --input size=9223372036854775807 >out 2>&1
is "it runs" 0 $?
has "bash does not end where a pipe is cut" out '1$' 'after$'
has "the named program is started" out "begun as $here/venv/bin/python3\$" '^hello of Python$'
has "exit codes are outputs" out 'exit 0 and 3$'
has "integers of 64 bits are kept" out 'row kept 9007199254740993 -9223372036854775808$'
has "floats keep their text" out 'float 1\.0 \[1\.0,2\.5\] 1e400$'
has "a task without outputs has none" out 'vars \{\} NaN$'
has "inputs keep theirs, an absent one is null" out 'given \[\] 9223372036854775807 1\.0 no note$'
has "so do variables" out 'fixed 1\.10 \[1\.0,9007199254740993\]$'
has "blanks are taken away" out 'blanks \[9223372036854775807\]$'
has "all outputs are an object" out '\{"name":"kept","row":9007199254740993,"version":1\.0,'

sed -e 's/^id: values/id: nowhere/' -e "s|$here/venv|$here/no-venv|" values.yaml >nowhere.yaml
cadre flow apply nowhere.yaml >out 2>&1
timeout 120 cadre flow run company/nowhere --input size=1 >out 2>&1
is "a program that is not there fails the task" 1 $?
has "it is named" out "no-venv/bin/python3"

cat >wrong.yaml <<'END'
id: wrong
namespace: company
tasks:
  - id: show
    type: io.kestra.plugin.scripts.shell.Commands
    env: {TARGET: "{% if x %}live{% endif %}"}
    commands:
      - echo "a: b"
END
cadre flow apply wrong.yaml >out 2>&1
is "what Kestra alone can do is refused" 1 $?
has "with the line" out 'wrong.yaml:6: .*env.TARGET' "wrong.yaml:8: .*': ' in this line"

# ---- a check of Kestra's that fires on the change
cat >watch.yaml <<END
id: watch
namespace: company
tasks:
  - {id: tell, type: io.kestra.plugin.core.log.Log, message: "fired with {{ trigger.exitCode }}"}
triggers:
  - id: ready
    type: io.kestra.plugin.scripts.shell.ScriptTrigger
    interval: PT1S
    exitCondition: "exit 3"
    script: "test ! -e $here/ready || exit 3"
END
cadre flow apply watch.yaml >out 2>&1
is "a ScriptTrigger applies" 0 $?
evaluated() { [ "$(field evaluations)" -ge "$1" ]; }
field() { cadre trigger show company/watch/ready 2>/dev/null | sed -n "s/^$1  *//p"; }
until_true 60 evaluated 1 || not_ok "it is evaluated"
is "it does not fire before its condition holds" 0 "$(field fired)"
: >ready
fired() { [ "$(field fired)" = 1 ]; }
holds "it fires when the script ends with the code of exitCondition" until_true 60 fired
before=$(field evaluations)
until_true 60 evaluated $((before + 2)) || not_ok "it is evaluated again"
is "and once only while that is so: edge is true by default" 1 "$(field fired)"
cadre execution logs "$(cadre execution list --flow company/watch --limit 1 -o json |
    sed -n 's/^[^"]*"id":"\([^"]*\)".*/\1/p' | head -n 1)" >out 2>&1
has "trigger.exitCode is that code" out 'fired with 3$'
cadre trigger disable company/watch/ready >/dev/null

# ---- commands that are one expression
cat >lists.yaml <<'END'
id: lists
namespace: company
inputs:
  - {id: lines, type: ARRAY, itemType: STRING}
  - {id: other, type: JSON, defaults: '["echo other of JSON"]'}
vars: {begin: [echo begun of vars, echo more of vars]}
tasks:
  - id: made
    type: io.kestra.plugin.core.debug.Return
    format: '["echo made {{ execution.id }}", "echo of a Return"]'
  - id: first
    type: io.kestra.plugin.scripts.shell.Commands
    beforeCommands: "{{ vars.begin }}"
    commands: "{{ inputs.lines }}"
  - id: second
    type: io.kestra.plugin.scripts.shell.Commands
    commands: "{{ outputs.made.value }}"
  - {id: third, type: io.kestra.plugin.scripts.shell.Commands, commands: "{{ inputs.other }}"}
END
cadre flow apply lists.yaml >out 2>&1
is "a flow whose commands are expressions applies" 0 $?
timeout 120 cadre flow run company/lists --input 'lines=["echo one", "echo two"]' >out 2>&1
is "lists of commands run" 0 $?
has "each item of an input is a command" out 'one$' 'two$'
has "of variables, of an output and of JSON, too" out 'begun of vars$' 'more of vars$' \
    'of a Return$' 'other of JSON$'
timeout 120 cadre flow run company/lists --input 'lines=["true"]' --input 'other={"a":1}' >out 2>&1
is "a mapping fails the task" 1 $?
has "with the reason" out 'commands: is a mapping: it must be a list of texts'

# ---- selectors
cadre group create gpu-old --tag gpu --tag linux >out 2>&1
is "a group has tags" 0 $?
cadre group create gpu-new --tag gpu >/dev/null 2>&1
cadre group show gpu-old >out 2>&1
has "they are shown" out '^tags  *gpu-old, gpu, linux$'
cadre group list -o json >out
has "in JSON, too" out '"key":"gpu-new",.*"tags":\["gpu-new","gpu"\]'
cadre group update gpu-new --tag gpu --tag new >out 2>&1
cadre group show gpu-new >out
has "they can be changed" out '^tags  *gpu-new, gpu, new$'
agent_up b --worker-group gpu-new
selecting() {
    printf 'id: %s\nnamespace: company\ntasks:\n  - id: run\n' "$1"
    printf '    type: io.kestra.plugin.scripts.shell.Commands\n'
    printf '    workerSelector: %b\n    commands: ["echo in $CADRE_GROUP"]\n' "$2"
}
selecting online '{tags: [gpu]}' >s1.yaml
selecting both '{tags: [gpu, linux], fallback: WAIT}' >s2.yaml
selecting one '{tags: [new, nowhere], match: ANY}' >s3.yaml
selecting none '{tags: [linux]}' >s4.yaml
selecting near '{tags: [gpus]}' >s5.yaml
selecting twice '{tags: [gpu]}\n    workerGroup: {key: gpu-old}' >s6.yaml
selecting away '{tags: ["{{ inputs.tag }}"], fallback: WAIT}' |
    sed 's/^tasks/inputs: [{id: tag, type: STRING}]\ntasks/' >s7.yaml
cadre flow apply s1.yaml s2.yaml s3.yaml s4.yaml s7.yaml >out 2>&1
is "selectors apply" 0 $?
timeout 60 cadre flow run company/online >out 2>&1
has "the group that has an agent online is picked" out 'in gpu-new$'
timeout 60 cadre flow run company/one >out 2>&1
has "one tag of several is enough for ANY" out 'in gpu-new$'
timeout 60 cadre flow run company/none >out 2>&1
is "without an agent a selector fails" 1 $?
has "for the reason no-agent" out 'no-agent'
execution=$(cadre flow run --detach company/both)
group_is() { cadre job list --group gpu-old -o json | grep -q '"task":"run"'; }
until_true 60 group_is || not_ok "the job waits in the group that has both tags"
cadre execution cancel "$execution" >/dev/null 2>&1
timeout 60 cadre flow run company/away --input tag=gpus >out 2>&1
is "a tag that no group has fails the task, whatever the fallback" 1 $?
has "for the reason unknown-group" out 'unknown-group'
timeout 60 cadre flow run company/away --input tag=new >out 2>&1
has "one that a group has runs there" out 'in gpu-new$'
cadre flow apply s5.yaml >out 2>&1
is "a literal tag that no group has is refused" 1 $?
has "with the nearest" out "s5.yaml:6: .*workerSelector.tags: .* the tag 'gpus', did you mean"
cadre flow apply s6.yaml >out 2>&1
has "a group beside a selector is refused" out 's6.yaml:.*workerSelector: there is a workerGroup'
done_testing
