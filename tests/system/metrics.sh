#!/bin/sh
# Metrics and health as those who watch meet them: curl, and promtool.
. "$(dirname "$0")/lib.sh"

# Of this machine, or what installer/deps.sh prometheus put into build/deps.
deps=${CADRE_DEPS_DIR:-$CADRE_ROOT/build/deps}
PATH=$PATH:$deps/prometheus/usr/bin
printf 'listen: 127.0.0.1:0\nmetrics: {allow: [10.0.0.0/8]}\n' >coordinator.yaml
coordinator_up
agent_up a --slots 2
token=$(cadre token create api --role read -o json | sed -n 's/.*"token": *"\([^"]*\)".*/\1/p')
get() { # PATH [CURL OPTION...]: prints the status; the body is in got, the head in head
    get_path=$1
    shift
    curl -sS --cacert server/ca.pem -D head -o got -w '%{http_code}' "$@" \
        "https://$CADRE_URL$get_path"
}
scrape() { get /metrics -H "Authorization: Bearer $token" "$@"; }

is "it is alive" 200 "$(get /healthz)"
is "and ready" 200 "$(get /readyz)"
has "and says so" got '"status": ?"ready"'

cadre group create gpu >/dev/null
cadre run -- true || not_ok "a job runs"
cadre run --detach --group gpu -- true >/dev/null
is "metrics are not for strangers" 401 "$(get /metrics)"
is "a token may read them" 200 "$(scrape)"
has "in the classic format" head '^[Cc]ontent-[Tt]ype: text/plain; version=0\.0\.4'
has "with what waits" got '^cadre_jobs\{group="gpu",state="CREATED"\} 1$' \
    '^cadre_agents\{group="default",state="ONLINE"\} 1$' '^cadre_slots\{group="default"\} 2$' \
    '^cadre_http_requests_total\{method="POST",route="/api/v1/jobs",code="201"\} 2$'
has "and with what became of jobs" got '^cadre_jobs_created_total\{group="gpu"\} 1$' \
    '^cadre_jobs_ended_total\{group="default",state="SUCCESS"\} 1$' \
    '^cadre_job_run_seconds_count\{group="default"\} 1$' \
    '^cadre_job_wait_seconds_bucket\{group="default",le="\+Inf"\} 1$'
has "and with the commits" got '^cadre_commit_seconds_count [1-9]' \
    '^cadre_commit_seconds_bucket\{le="0\.001024"\} [0-9]+$' \
    '^cadre_commit_commands_bucket\{le="16384\.0"\} [1-9]' '^cadre_commits_failed_total 0$'
mv got plain
cadre group show default >shown
has "a group shows how long jobs waited of late" shown \
    '^waits, last hour +1 job, p50 [0-9.]+m?s, p95 [0-9.]+m?s, p99 [0-9.]+m?s$' \
    '^waits, last day +1 job, p50 '
cadre group show gpu >shown
has "or that none was handed out" shown '^waits, last hour +0 jobs$' '^waits, last day +0 jobs$'
is "or in OpenMetrics" 200 "$(scrape -H 'Accept: application/openmetrics-text')"
has "when it is asked for" head '^[Cc]ontent-[Tt]ype: application/openmetrics-text; version=1\.0\.0'
is "to the end" '# EOF' "$(tail -n 1 got)"

printf 'listen: 127.0.0.1:0\nmetrics: {allow: [127.0.0.1]}\n' >coordinator.yaml
end "$coordinator"
coordinator_up
is "an address that is named needs no token" 200 "$(get /metrics)"
is "for nothing else" 401 "$(get /api/v1/status)"

if command -v promtool >/dev/null 2>&1; then
    promtool check metrics <plain >found 2>&1
    is "promtool has nothing to say" "0 " "$? $(cat found)"
else
    echo "skip - promtool: it is not here (installer/deps.sh prometheus)"
fi
end "$agent"
end "$coordinator"
done_testing
