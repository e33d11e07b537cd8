#!/bin/sh
# Runs the tests. Installs what is needed, builds, runs the rings and ends with one line:
#   N passed, N failed, N skipped
# The exit code is 0 when nothing failed.
#
#   sh tests/run.sh                 all rings
#   sh tests/run.sh quick           unit and sim alone, for the loop of editing and trying
#   sh tests/run.sh RING...         lint unit sim model system page tsan fuzz windows packages
#   sh tests/run.sh long            what takes long or needs a machine of its own; not among all
#
# tests/README.md says what each ring is and how a test reports. Logs are in build/test-logs.
#
#   CADRE_SEED=N       the seed for tests that use one (each prints the seed it used)
#   CADRE_TEST_ONLY=S  only programs whose name contains S
#   CADRE_TEST_JOBS=N  unit and sim programs at once (default: the number of processors)
set -u
LC_ALL=C
export LC_ALL

root=$(cd "$(dirname "$0")/.." && pwd)
logs=$root/build/test-logs
jobs=${CADRE_TEST_JOBS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)}
only=${CADRE_TEST_ONLY:-}

# ---------------------------------------------------------------------------------------------
# Running one program; `run.sh --one RING NAME SECONDS COMMAND...` is how it calls itself, several
# at a time. Leaves RING/NAME.log, .rc and .seconds, and a sanitizer's report as RING/NAME.san.PID.

run_one() {
    ring=$1 name=$2 seconds=$3
    shift 3
    log=$logs/$ring/$name
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/cadre-test-XXXXXX")
    san=log_path=$log.san
    began=$(date +%s)
    (
        cd "$scratch" || exit 1
        TMPDIR=$scratch HOME=$scratch
        ASAN_OPTIONS=$san:detect_stack_use_after_return=1:strict_string_checks=1
        UBSAN_OPTIONS=$san:print_stacktrace=1
        TSAN_OPTIONS=$san:halt_on_error=1:second_deadlock_stack=1
        [ ! -f "$root/tests/tsan.supp" ] ||
            TSAN_OPTIONS=$TSAN_OPTIONS:suppressions=$root/tests/tsan.supp
        CADRE_RING=$ring
        export TMPDIR HOME ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS CADRE_RING
        # In a group of its own: what hangs goes with all that it started there.
        exec timeout -k 10 "$seconds" "$@"
    ) >"$log.log" 2>&1 </dev/null
    echo $? >"$log.rc"
    echo $(($(date +%s) - began)) >"$log.seconds"
    rm -rf "$scratch"
}

if [ "${1:-}" = --one ]; then
    shift
    exec 8>&- # a daemon that a test leaves behind must not keep the lock
    run_one "$@"
    exit 0
fi

# ---------------------------------------------------------------------------------------------
# Results: one line "pass|fail|skip RING/PROGRAM: CASE" each in $results

mkdir -p "$logs"
exec 8>"$root/build/.tests.lock"
if command -v flock >/dev/null 2>&1 && ! flock -n 8; then
    echo "waiting for another test run in this tree"
    flock 8
fi
results=$logs/results
: >"$results"

pass() { echo "pass $*" >>"$results"; }
fail() {
    echo "fail $*" >>"$results"
    echo "FAILED: $*"
}
skip() {
    echo "skip $*" >>"$results"
    echo "skipped: $*"
}

show_log() { # the log's end is where the reason is
    sed 's/^/    | /' "$1" | tail -n "${2:-60}"
}

# read_cases LOG: one line per case, from cmocka's output or from "ok - ", "not ok - ", "skip - ".
read_cases() {
    awk '
        function result(word, name) { print word " " name; found++ }
        /^\[ RUN      \] / { running = substr($0, 14); next }
        /^\[       OK \] / && running != "" { result("pass", running); running = ""; next }
        /^\[  FAILED  \] / && running != "" && substr($0, 14) == running {
            result("fail", running); running = ""; next
        }
        /^\[  SKIPPED \] / && running != "" { result("skip", running); running = ""; next }
        /^\[==========\] Running / { cmocka++; next }
        /^\[==========\] .* run\.$/ { cmocka--; next }
        /^ok - / { result("pass", substr($0, 6)); next }
        /^not ok - / { result("fail", substr($0, 10)); next }
        /^skip - / { result("skip", substr($0, 8)); next }
        /^1\.\.[0-9]+$/ { planned = substr($0, 4) + 0; has_plan = 1 }
        END {
            if (running != "") result("fail", running " (did not end)")
            else if (cmocka != 0) result("fail", "(ended before its last case)")
            if (has_plan && planned != found)
                print "fail (planned " planned " cases, ran " found ")"
        }' "$1"
}

# collect RING NAME: judges what run_one left.
collect() {
    ring=$1 name=$2
    log=$logs/$ring/$name
    rc=$(cat "$log.rc" 2>/dev/null || echo 255)
    read_cases "$log.log" >"$log.cases"
    if [ "$rc" -eq 124 ] || [ "$rc" -eq 137 ]; then
        echo "fail (took longer than its time limit, exit code $rc)" >>"$log.cases"
    elif [ "$rc" -ne 0 ] && ! grep -q '^fail ' "$log.cases"; then
        echo "fail (exit code $rc)" >>"$log.cases"
    elif [ ! -s "$log.cases" ]; then
        echo "fail (reported no result)" >>"$log.cases"
    fi
    # A case that died of what the sanitizer found is one failure, not two.
    for report in "$log".san.*; do
        [ -f "$report" ] && ! grep -q '^fail ' "$log.cases" &&
            echo "fail (sanitizer report $(basename "$report"))" >>"$log.cases"
    done
    sed "s#^\([a-z]*\) #\1 $ring/$name: #" "$log.cases" >>"$results"
    passed=$(grep -c '^pass ' "$log.cases")
    failed=$(grep -c '^fail ' "$log.cases")
    skipped=$(grep -c '^skip ' "$log.cases")
    printf '  %-44s %4d passed' "$name" "$passed"
    [ "$failed" -eq 0 ] || printf ', %d failed' "$failed"
    [ "$skipped" -eq 0 ] || printf ', %d skipped' "$skipped"
    printf '  (%s s)\n' "$(cat "$log.seconds" 2>/dev/null || echo '?')"
    sed -n 's/^skip \(.*\)/    skipped: \1/p' "$log.cases"
    if [ "$failed" -gt 0 ]; then
        sed -n 's/^fail \(.*\)/    FAILED: \1/p' "$log.cases"
        show_log "$log.log"
        for report in "$log".san.*; do
            [ ! -f "$report" ] || show_log "$report" 80
        done
    fi
}

# run_list RING SECONDS JOBS PREFIX < "NAME COMMAND" lines
run_list() {
    list=$logs/$1/.list
    grep -e "$only" >"$list" || :
    xargs -r -P "$3" -L 1 sh "$root/tests/run.sh" --one <<END
$(while read -r name command; do echo "$1 $name $2 $4 $command"; done <"$list")
END
    while read -r name command; do
        collect "$1" "$name"
    done <"$list"
}

begin_ring() {
    rm -rf "${logs:?}/$1"
    mkdir -p "$logs/$1"
    printf '\n== %s: %s\n' "$1" "$2"
}

# build RING PRESET TARGET...: false, and a failure noted, when it does not build.
build() {
    ring=$1 preset=$2
    shift 2
    log=$logs/$ring/build-$preset.log
    began=$(date +%s)
    if (cd "$root" && sh installer/moved.sh "build/$preset" && cmake --preset "$preset") \
        >"$log" 2>&1 &&
        cmake --build "$root/build/$preset" -j "$jobs" --target "$@" >>"$log" 2>&1; then
        echo "  built $preset ($(($(date +%s) - began)) s)"
        return 0
    fi
    fail "$ring/build-$preset: does not build (see $log)"
    grep -nE -A4 'CMake Error|error:|undefined reference' "$log" | head -n 60 | sed 's/^/    | /'
    return 1
}

# need SET: runs installer/deps.sh; false when that fails.
need() {
    case " $provided " in
    *" $1 "*) return 0 ;;
    esac
    if sh "$root/installer/deps.sh" "$1" 8>&-; then
        provided="$provided $1"
        return 0
    fi
    fail "deps/$1: installer/deps.sh $1 failed"
    return 1
}
provided=


# ---------------------------------------------------------------------------------------------
# The rings

ring_lint() {
    need test || return
    begin_ring lint "house rules and their self-test"
    # Some rules read the objects; the rings that follow need the same build.
    build lint dev cadre cadre-agent cadre-coordinator cadre-notify || :
    printf '%s\n' "rules sh $root/tests/lint/run.sh" "selftest sh $root/tests/lint/selftest.sh" \
        "docs sh $root/tests/lint/docs.sh" "deps sh $root/tests/lint/deps.sh" |
        run_list lint 600 "$jobs" ""
}

ring_unit() {
    begin_ring unit "one program per module, with ASan and UBSan"
    build unit dev cadre_unit_tests || return
    run_list unit 120 "$jobs" "" <"$root/build/dev/tests/unit.list"
}

ring_sim() {
    begin_ring sim "many actors, long times, simulated, with ASan and UBSan"
    build sim dev cadre_sim_tests || return
    run_list sim 600 "$jobs" "" <"$root/build/dev/tests/sim.list"
}

ring_model() {
    need test || return
    begin_ring model "a model of ownership and leases, searched by spin"
    echo "model_ownership sh $root/tests/model/run.sh" | run_list model 300 1 ""
}

# system_list PRESET [tsan]: scripts and programs; those of the tsan ring say so themselves.
system_list() {
    for script in "$root"/tests/system/*.sh; do
        [ -f "$script" ] || continue
        case ${script##*/} in
        lib*.sh) continue ;;
        esac
        [ -z "${2:-}" ] || grep -q '^# rings:.* tsan' "$script" || continue
        echo "system_$(basename "$script" .sh) sh $script"
    done
    if [ -z "${2:-}" ]; then
        cat "$root/build/$1/tests/system.list"
    else
        cat "$root/build/$1/tests/system_tsan.list"
    fi
}

# with_build PRESET: how tests find the programs under test.
with_build() {
    CADRE_BUILD=$root/build/$1
    CADRE_BIN=$CADRE_BUILD/bin
    CADRE_ROOT=$root
    export CADRE_BUILD CADRE_BIN CADRE_ROOT
}

ring_system() {
    need test || return
    begin_ring system "the real programs, with ASan and UBSan"
    build system dev all || return
    with_build dev
    # Without it metrics.sh skips what needs it, and says so.
    sh "$root/installer/deps.sh" prometheus >"$logs/system/prometheus.log" 2>&1 8>&- || true
    # Most of them wait most of their time, so they share the machine.
    system_list dev | alone not | run_list system 900 "$jobs" ""
    system_list dev | alone only | run_list system 900 1 ""
}

# alone only|not: of lines "NAME sh SCRIPT" those whose script says "# alone: REASON", or the
# others.
alone() {
    while read -r name shell script; do
        word=not
        ! grep -q '^# alone: ' "${script:-/dev/null}" || word=only
        [ "$word" != "$1" ] || echo "$name $shell $script"
    done
}

ring_page() {
    need test || return
    begin_ring page "the page: its modules by node, all of it in Chromium with the real programs"
    log=$logs/page/tools.log
    # No browser for this machine is no failure: the programs were built with the page all the same.
    if ! sh "$root/installer/deps.sh" page browser >"$log" 2>&1 8>&- ||
        ! CADRE_PAGE_MODULES=$(sh "$root/web/modules.sh" "$root/web/tests" 2>>"$log"); then
        skip "page/tools: node, Chromium or the packages cannot be had here (see $log)"
        return
    fi
    build page dev cadre cadre-agent cadre-coordinator cadre-notify || return
    with_build dev
    CADRE_PAGE_LOGS=$logs/page
    export CADRE_PAGE_MODULES CADRE_PAGE_LOGS
    {
        echo "page_unit sh $root/web/tests/unit.sh"
        for test in "$root"/web/tests/e2e/*.test.mjs; do
            echo "page_$(basename "$test" .test.mjs) node $test"
        done
    } | run_list page 600 "$jobs" ""
}

# Of lines "NAME PROGRAM" those whose program can start a thread: TSan finds nothing in the others.
# The simulations start none: time and threads are simulated.
threaded_programs() { # a program that runs a second time, with env, counts once
    grep -v ' env ' | while read -r name program; do
        ! nm "$program" | grep -qE ' (uv_thread_create|pthread_create)' || echo "$name $program"
    done
}

ring_tsan() {
    need test || return
    begin_ring tsan "what has threads of unit, and part of system, with TSan"
    build tsan dev cadre_unit_tests || return # it tells which programs can start a thread
    threads=$(threaded_programs <"$root/build/dev/tests/unit.list" | cut -d ' ' -f 1)
    programs=$(cut -d ' ' -f 1 "$root/build/dev/tests/system_tsan.list")
    # shellcheck disable=SC2086
    build tsan tsan cadre cadre-agent cadre-coordinator cadre_support_tests $threads $programs ||
        return
    # Where addresses are spread over too many bits, TSan needs them not to be random.
    fixed=
    ! setarch "$(uname -m)" -R true 2>/dev/null || fixed="setarch $(uname -m) -R"
    with_build tsan
    for name in $threads; do
        echo "$name $root/build/tsan/tests/unit/$name"
    done | run_list tsan 600 "$jobs" "$fixed"
    system_list tsan tsan | alone not | run_list tsan 900 "$jobs" "$fixed"
    system_list tsan tsan | alone only | run_list tsan 900 1 "$fixed"
}

ring_fuzz() {
    need test || return
    begin_ring fuzz "corpus and seeded mutation, with ASan and UBSan"
    seed=${CADRE_SEED:-$(date +%s)}
    extra=
    preset=dev
    if clang --version >/dev/null 2>&1 && echo 'int LLVMFuzzerTestOneInput(void); int
        LLVMFuzzerTestOneInput(void) { return 0; }' |
        clang -x c -fsanitize=fuzzer,address -o "$logs/fuzz/probe" - 2>/dev/null; then
        preset=fuzz
        extra="-timeout=20 -rss_limit_mb=2048 -print_final_stats=0 -verbosity=0"
    else
        echo "  clang's libFuzzer is not here: using our own driver"
    fi
    rm -f "$logs/fuzz/probe"
    build fuzz $preset cadre_fuzz_tests || return
    count=$(wc -l <"$root/build/$preset/tests/fuzz.list")
    seconds=$((count > 10 ? 2 : count > 0 ? 20 / count : 0))
    echo "  seed $seed, $seconds s each ($preset)"
    while read -r name program; do
        target=${name#fuzz_}
        # What libFuzzer finds goes to the first folder, the seeds that we keep are the second.
        found=$root/build/fuzz-corpus/$target
        mkdir -p "$found" "$root/tests/fuzz/corpus/$target"
        echo "$name sh $root/tests/fuzz/run_one.sh $name $program -seed=$seed" \
            "-max_total_time=$seconds $extra $found $root/tests/fuzz/corpus/$target"
    done <"$root/build/$preset/tests/fuzz.list" >"$logs/fuzz/.programs"
    run_list fuzz $((seconds + 300)) "$jobs" "" <"$logs/fuzz/.programs"
}

# wine_ready: Wine and its folder are there; notes a skip with the reason otherwise.
wine_ready() {
    WINEPREFIX=$root/build/wine
    export WINEPREFIX
    log=$logs/$1/wine.log
    # No Wine for this machine is no failure: the programs were compiled all the same.
    if ! sh "$root/installer/deps.sh" wine >"$log" 2>&1 8>&-; then
        skip "$1/wine: Wine cannot be installed here, so nothing was run (see $log)"
    elif ! sh "$root/tests/windows/lib_prefix.sh" >>"$log" 2>&1 8>&-; then
        skip "$1/wine: Wine does not start here, so nothing was run (see $log)"
    else
        return 0
    fi
    return 1
}

ring_windows() {
    need windows && need test || return
    begin_ring windows "cross-compiled with MinGW, run under Wine"
    build windows windows all || return
    pass "windows/build: all programs and tests compile"
    echo "windows_calls sh $root/tests/lint/run.sh --build build/windows circle floor same-name" |
        run_list windows 120 1 ""
    build windows dev cadre cadre-agent cadre-coordinator || return
    with_build dev
    CADRE_WINDOWS_BIN=$root/build/windows/bin
    export CADRE_WINDOWS_BIN
    echo "windows_image sh $root/tests/windows/image.sh" | run_list windows 60 1 ""
    wine_ready windows || return
    # One Wine server for all of them: starting it takes longer than most tests.
    wineserver -p60 8>&-
    grep -v test_trust "$root/build/windows/tests/unit.list" |
        run_list windows 240 "$jobs" "sh $root/tests/windows/lib_unit.sh"
    skip "windows/unit_coordinator_test_trust:" \
        "Wine's files do not inherit their folder's access list"
    wineserver -k
    for script in "$root"/tests/windows/*.sh; do
        case ${script##*/} in
        lib*.sh | image.sh) ;;
        *) echo "windows_$(basename "$script" .sh) sh $script" ;;
        esac
    done | run_list windows 900 1 ""
}

ring_packages() {
    need packages || return
    begin_ring packages "install, upgrade and remove what is shipped"
    for script in "$root"/tests/packages/*.sh; do
        case ${script##*/} in
        lib*.sh) continue ;;
        esac
        echo "packages_$(basename "$script" .sh) sh $script"
    done | run_list packages 1800 "$jobs" ""
}

# ---------------------------------------------------------------------------------------------

# Measurements, judged as ratios within one run.
ring_long() {
    need test || return
    begin_ring long "what takes long, with the release build"
    build long release all || return
    with_build release
    for script in "$root"/tests/long/*.sh; do
        echo "long_$(basename "$script" .sh) sh $script"
    done | run_list long 1800 1 ""
}

all="lint unit sim model system page tsan fuzz windows packages"
[ $# -gt 0 ] || set -- all
rings=
for word in "$@"; do
    case " $all " in
    *" $word "*) rings="$rings $word" ;;
    *) case $word in
        long) rings="$rings long" ;;
        all) rings="$rings $all" ;;
        quick)
            rings="$rings unit sim"
            CADRE_SIM_SECONDS=${CADRE_SIM_SECONDS:-5}
            export CADRE_SIM_SECONDS
            ;;
        *)
            echo "unknown ring: $word (quick, all, long, or some of: $all)" >&2
            exit 2
            ;;
        esac ;;
    esac
done

cd "$root" || exit 1
started=$(date +%s)
if need linux; then
    for ring in $rings; do
        began_ring=$(date +%s)
        "ring_$ring"
        echo "  ring $ring took $(($(date +%s) - began_ring)) s"
    done
fi

passed=$(grep -c '^pass ' "$results")
failed=$(grep -c '^fail ' "$results")
skipped=$(grep -c '^skip ' "$results")
echo
[ "$failed" -eq 0 ] || sed -n 's/^fail /FAILED: /p' "$results"
[ "$skipped" -eq 0 ] || sed -n 's/^skip /skipped: /p' "$results"
echo "took $(($(date +%s) - started)) s; logs are in build/test-logs"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
