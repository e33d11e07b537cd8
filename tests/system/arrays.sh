#!/bin/sh
# Arrays of jobs, sent with a key while the coordinator is killed with -9, and sent again until they
# are answered: each job is there once and runs once.
. "$(dirname "$0")/lib.sh"
arrays=4 jobs=20
coordinator_up
agent_up a --slots 8
mkdir runs

# array NUMBER: its jobs leave a mark each outside Cadre
array() {
    n=0
    while [ $n -lt $jobs ]; do
        [ $n -eq 0 ] && printf '[' || printf ','
        printf '{"command": ["sh", "-c", "echo x >>%s/runs/%s.%s"]}' "$here" "$1" "$n"
        n=$((n + 1))
    done
    printf ']'
}
# post NUMBER OUT: 0 when it was answered 200
post() {
    curl -sS --max-time 60 --cacert "$here/server/ca.pem" -o "$2" -w '%{http_code}\n' \
        -H "Authorization: Bearer $(cat "$CADRE_TOKEN_FILE")" -H "Idempotency-Key: array-$1" \
        --data-binary "@array.$1" "https://$CADRE_URL/api/v1/jobs?atomic=true" >code 2>err &&
        [ "$(cat code)" = 200 ]
}
ids_of() { grep -o '"id":"[0-9a-z]*"' "$1"; }

k=1
while [ $k -le $arrays ]; do
    array $k >array.$k
    : >lost
    post $k lost &
    sent=$!
    [ $((k % 2)) -eq 1 ] || wait $sent # every second one is killed behind its answer
    kill -KILL "$coordinator"
    wait "$coordinator" $sent 2>/dev/null
    was=$(ids_of lost)
    coordinator_up
    holds "array $k is taken by the next one" until_true 60 post $k first
    holds "and answered again" until_true 60 post $k again
    is "with the same jobs" "$(ids_of first)" "$(ids_of again)"
    [ -z "$was" ] || is "as before the kill" "$was" "$(ids_of first)"
    is "all of them" $jobs "$(ids_of again | sort -u | wc -l)"
    is "which were there already" $jobs "$(grep -o '"duplicate":true' again | wc -l)"
    k=$((k + 1))
done

all=$((arrays * jobs))
ended() {
    curl -sS --cacert "$here/server/ca.pem" -H "Authorization: Bearer $(cat "$CADRE_TOKEN_FILE")" \
        "https://$CADRE_URL/api/v1/jobs?state=SUCCESS&limit=500" 2>err | grep -o '"attempt":1,' |
        wc -l
}
all_ended() { [ "$(ended)" -eq $all ]; }
holds "all jobs end well" until_true 120 all_ended
is "each ran" $all "$(find runs -type f | wc -l)"
is "and once" $all "$(cat runs/* | wc -l)"
end "$coordinator"
done_testing
