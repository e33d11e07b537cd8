#!/bin/sh
# The tests of the page's modules, by node's own test runner: no browser, no packages.
set -u
here=$(cd "$(dirname "$0")" && pwd)
node --test --test-reporter=tap "$here"/unit/*.test.mjs >unit.tap 2>&1
code=$?
# A file is a case around its own in some versions of node: told when it fails, for then it may have
# no others.
sed -n 's/^ *\(not \)\{0,1\}ok [0-9]* - \(.*\)$/\1ok - \2/p' unit.tap |
    grep -v '^ok - .*\.test\.mjs$' || code=1
[ "$code" -eq 0 ] || cat unit.tap
exit "$code"
