#!/bin/sh
# A Prometheus of Debian's scrapes the coordinator, in OpenMetrics, over TLS and with a token from a
# file; the alerts of docs/monitoring are loaded by it, and promtool tries each of them.
. "$(dirname "$0")/lib.sh"

# Of this machine, or what installer/deps.sh prometheus put into build/deps.
deps=${CADRE_DEPS_DIR:-$CADRE_ROOT/build/deps}
PATH=$PATH:$deps/prometheus/usr/bin
if ! command -v prometheus >/dev/null 2>&1 || ! command -v promtool >/dev/null 2>&1; then
    echo "skip - prometheus: it is not here (installer/deps.sh prometheus)"
    exit 0
fi

# ---- the alerts ----
cp "$CADRE_ROOT/docs/monitoring/cadre.rules.yml" "$CADRE_ROOT/tests/system/rules_test.yml" .
promtool check rules cadre.rules.yml >found 2>&1
is "the alerts are rules" 0 $?
promtool test rules rules_test.yml >found 2>&1
is "each alert fires when it should, and says what" 0 $?
[ ! -s found ] || grep -q SUCCESS found || cat found
for alert in $(sed -n 's/^ *- alert: *//p' cadre.rules.yml); do
    [ "$(grep -c "alertname: $alert\(,\|\$\)" rules_test.yml)" -ge 2 ] ||
        not_ok "rules_test.yml has $alert firing, and not firing"
done

# ---- the scrape ----
coordinator_up
agent_up a --slots 3
cadre group create gpu >/dev/null
for n in 1 2 3; do cadre run -- true || not_ok "job $n runs"; done
cadre run -- false >/dev/null 2>&1
cadre run --detach --group gpu -- true >/dev/null
cadre token create api --role read -o json | sed -n 's/.*"token": *"\([^"]*\)".*/\1/p' >read.token
cat >prometheus.yml <<END
global: {scrape_interval: 1s, scrape_timeout: 1s}
rule_files: [cadre.rules.yml]
scrape_configs:
  - job_name: cadre
    scheme: https
    tls_config: {ca_file: $here/server/ca.pem}
    authorization: {credentials_file: $here/read.token}
    static_configs: [{targets: ["$CADRE_URL"]}]
  - job_name: stranger
    scheme: https
    tls_config: {ca_file: $here/server/ca.pem}
    static_configs: [{targets: ["$CADRE_URL"]}]
END
promtool check config prometheus.yml >found 2>&1
is "the configuration of the documents is one" 0 $?
prometheus --config.file=prometheus.yml --web.listen-address=127.0.0.1:0 \
    --storage.tsdb.path=tsdb >prometheus.log 2>&1 &
prometheus=$!
pids="$pids $prometheus"
listens() {
    file_has prometheus.log 'Listening on.*address=127\.0\.0\.1:[1-9]' || gone "$prometheus"
}
until_true 60 listens
at=$(sed -n 's/.*msg="Listening on" address=\(127\.0\.0\.1:[0-9]*\).*/\1/p' prometheus.log)
ask() { curl -sSG "http://$at/api/v1/$1" --data-urlencode "$2" 2>&1; } # PATH NAME=VALUE
value() { # QUERY: of its only result
    ask query "query=$1" | sed -n 's/.*"value":\[[0-9.]*,"\([^"]*\)"\]}\]}}$/\1/p'
}
gives() { [ "$(value "$1")" = "$2" ]; }
holds "Prometheus scrapes the coordinator" until_true 60 gives 'up{job="cadre"}' 1
holds "in OpenMetrics, where a counter has no tail" \
    sh -c 'case $1 in *\"type\":\"counter\"*) ;; *) exit 1 ;; esac' sh \
    "$(ask metadata metric=cadre_http_requests)"
holds "it knows what ended" until_true 20 gives \
    'cadre_jobs_ended_total{group="default",state="SUCCESS"}' 3
is "and how" 1 "$(value 'cadre_jobs_ended_total{group="default",state="FAILED"}')"
is "what waits" 1 "$(value 'cadre_jobs{group="gpu",state="CREATED"}')"
is "the slots" 3 "$(value 'sum(cadre_slots)')"
is "and the times, in buckets" 4 \
    "$(value 'cadre_job_run_seconds_bucket{group="default",le="+Inf"}')"
is "which add up" 4 "$(value 'cadre_job_run_seconds_count{group="default"}')"
holds "a quantile can be made of them" sh -c '[ -n "$1" ] && [ "$1" != NaN ]' sh \
    "$(value 'histogram_quantile(0.5, cadre_job_run_seconds_bucket{group="default"})')"
holds "without a token it gets nothing" until_true 20 gives 'up{job="stranger"}' 0
ask targets state=active >found
has "and says why" found 'server returned HTTP status 401'
ask rules type=alert >found
is "it has taken all alerts" "$(grep -c -- '- alert:' cadre.rules.yml)" \
    "$(grep -o '"health":"\(ok\|unknown\)"' found | wc -l | tr -d ' ')"
end "$coordinator"
holds "it sees that the coordinator is gone" until_true 60 gives 'up{job="cadre"}' 0
end "$prometheus"
end "$agent"
done_testing
