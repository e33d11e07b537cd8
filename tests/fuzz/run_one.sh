#!/bin/sh
# run_one.sh NAME PROGRAM ARG...: runs one fuzz target and reports as tests/README.md has it. The
# input that kills a target is kept in build/test-logs/fuzz.
name=$1
shift
keep=$(cd "$(dirname "$0")/../.." && pwd)/build/test-logs/fuzz/found
mkdir -p "$keep" && cd "$keep" || exit 1
if "$@"; then
    echo "ok - $name"
else
    echo "not ok - $name: the input is in $keep; replay it with: $1 FILE"
    exit 1
fi
