#!/bin/sh
# Jobs run at 0.9 of their rate at least while 2,000 connections of strangers stand at the door,
# from 200 addresses and from one. Both rates are means of one run, three measurements each, in
# turns.
. "$(dirname "$0")/../system/lib.sh"
"$CADRE_BUILD/tests/bench/bench_lifecycle" --no-latency --agents 16 --seconds 5 --dir "$here" \
    --crowd "$CADRE_BUILD/tests/support/crowd" >out 2>&1 ||
    not_ok "the measurement: $(tail -n 3 out)"
for addresses in 200 1; do
    ratio=$(sed -n "s/^ratio $addresses: .* leave \([0-9.]*\) .*/\1/p" out)
    holds "2,000 connections of $addresses addresses leave ${ratio:-none} of the rate" \
        awk -v r="${ratio:-0}" 'BEGIN { exit !(r >= 0.9) }'
done
done_testing
