#!/bin/sh
# A flow over two systems: examples/windows-linux.yaml as it is, with cadre-agent.exe for its part
# on Windows, and a trigger that is evaluated there.
. "$(dirname "$0")/lib.sh"
coordinator_up
wine_up
windows_group
cadre group create linux-build >/dev/null
agent_up builder --worker-group linux-build
cadre flow apply "$CADRE_ROOT/examples/windows-linux.yaml" >out 2>err
is "the example applies as it is" 0 $?
id=$(cadre flow run company.builds/windows-linux --input version=2.0 --detach)
waits() { cadre execution show "$id" | grep -q '^task windows .*waiting: .*windows'; }
holds "its part for Windows waits for a Windows machine" until_true 60 waits
agent_exe_up w1
ended() { cadre execution show "$id" | grep -Eq '^state +(WARNING|SUCCESS|FAILED)$'; }
holds "with one it goes on to its end" until_true 120 ended
is "which is a warning, for the notes that may fail" WARNING "$(cadre execution show "$id" |
    sed -n 's/^state  *//p')"
cadre execution logs "$id" | tr -d '\r' >out
has "the Windows part was built there, and its output reached the next task" out \
    '^building viewer 2.0$' \
    '^published viewer_2.0.deb viewer-2.0.msi$'
cadre execution show "$id" >out
has "each on its machine" out '^task linux .* on builder ' '^task windows .* on w1 '

cat >watch.yaml <<END
id: watch
namespace: company.team
tasks: [{id: a, command: [echo, "{{ trigger.file }}"], workerGroup: {key: linux-build}}]
triggers:
  - id: t
    interval: 1s
    workerGroup: {key: windows}
    shell: cmd
    script: |
      if not exist "$(windows_path "$here")\\ready" exit 1
      echo ::{"outputs":{"file":"ready"}}::
END
cadre flow apply watch.yaml >out 2>err
is "a trigger for Windows applies" 0 $?
shown() { cadre trigger show company.team/watch/t | grep -Eq "$1"; }
holds "its check runs there and does not fire" until_true 60 shown 'not-fired, exit code 1'
touch ready
holds "until what it looks for is there" until_true 60 shown ' fired, exit code 0, execution '
cadre flow delete company.team/watch >/dev/null

cat >slow.yaml <<'END'
id: slow
namespace: company.team
workerGroup: {key: windows}
tasks: [{id: a, shell: cmd, script: "ping -n 100 127.0.0.1", timeout: 2s}]
END
cadre flow apply slow.yaml >/dev/null
cadre flow run company.team/slow >out 2>err
is "a task's timeout ends it and the execution" 1 $?
has "and says so" err 'task a FAILED \(timeout'

done_testing
