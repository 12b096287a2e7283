#!/usr/bin/env bash
# Builds Signet and runs its tests. Works on a fresh Debian 12: what is missing is installed first.
#
#   scripts/test.sh                 everything a CI run has (the same as `ci`)
#   scripts/test.sh unit            the GoogleTest programs
#   scripts/test.sh integration|interop [PATTERN]   real processes; with real SPIRE and go-spiffe
#   scripts/test.sh asan [FOLDER...]  everything under ASan and UBSan: unit tests, then with real
#                                   processes these folders of tests/ (first light and faults)
#   scripts/test.sh tsan            what has threads, under TSan
#   scripts/test.sh fuzz [SECONDS]  each fuzz target on its corpus and SECONDS (10) beyond
#   scripts/test.sh format|tidy [all]   clang-format over all files; clang-tidy over the 24 changed last
#   scripts/test.sh all             as ci, with clang-tidy over every file, all of integration under ASan and 60 s per fuzz target
#   scripts/test.sh long [CASE]     the cases at full size; leaves docs/results/CASE.json
#   scripts/test.sh records         whether each of those has a record of its present script
#   scripts/test.sh golden --update rewrites tests/interop/api/COVERAGE.md from the tests' tables
#
# The last line is always `N passed, N failed`, and the exit code is 1 when anything failed.
# SIGNET_JOBS bounds the compilers, SIGNET_TIDY_BASE names the commit that `tidy` compares with.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=lib/common.sh
. scripts/lib/common.sh
# shellcheck source=lib/install.sh
. scripts/lib/install.sh

WORK=$(mktemp -d)
SUMMARY=$WORK/summary # lines of `passed failed skipped [the test that failed]`
TABLE=$WORK/table     # lines of `stage|seconds|verdict`
touch "$SUMMARY" "$TABLE"
PEERS_PID=""
finish() {
  [ -z "$PEERS_PID" ] || kill -- "-$PEERS_PID" 2>/dev/null
  rm -rf "$WORK"
}
trap finish EXIT
trap 'exit 130' INT TERM

count() { echo "$1 $2 ${3:-0}" >>"$SUMMARY"; }

# stage NAME FUNCTION [ARGS...]: runs it, takes the time, and counts it as one failed check if it
# fails without having counted its own tests.
stage() {
  local name=$1 start=$SECONDS before after verdict=ok
  shift
  say "$name"
  before=$(awk '{f += $2} END {print f + 0}' "$SUMMARY")
  if ! "$@"; then
    verdict=FAILED
    after=$(awk '{f += $2} END {print f + 0}' "$SUMMARY")
    [ "$after" -gt "$before" ] || count 0 1
  fi
  echo "$name|$((SECONDS - start))|$verdict" >>"$TABLE"
  [ "$verdict" = ok ]
}

# in_time STAGE...: the stage, unless the run is so late that CI would be cut off in its middle
# without a word. What was not run has not passed.
in_time() {
  if [ "$SECONDS" -lt "${SIGNET_CI_SECONDS:-4500}" ]; then
    stage "$@"
  else
    say "$1: not run, $SECONDS s have passed already"
    count 0 1
    echo "$1|0|NOT RUN, too late" >>"$TABLE"
  fi
}

# check COMMAND...: one yes-or-no check.
check() {
  if "$@"; then count 1 0; else count 0 1; return 1; fi
}

packages() { (install_packages scripts/lib/packages-demo.txt scripts/lib/packages-test.txt); }

# build PRESET [targets...]
# On a machine that builds once (CI is set) several files compile as one in the dev build too.
build() {
  local preset=$1
  shift
  cmake --preset "$preset" -DSIGNET_TESTS=ON ${CI:+-DSIGNET_UNITY=8} >"$WORK/configure.log" 2>&1 || {
    cat "$WORK/configure.log"
    return 1
  }
  cmake --build --preset "$preset" -j "$(jobs)" ${1:+--target "$@"}
}

# ctest_in FOLDER [ctest options]: runs the tests of a build folder and counts them.
ctest_in() {
  local folder=$1 code=0
  shift
  ctest --test-dir "$folder" --output-on-failure --no-tests=error -j "$(jobs)" \
    --output-junit "$WORK/junit.xml" --progress "$@" >"$WORK/ctest.log" 2>&1 || code=1
  if [ "$code" = 0 ]; then tail -n 4 "$WORK/ctest.log"; else tail -n 400 "$WORK/ctest.log"; fi
  [ -s "$WORK/junit.xml" ] || return 1
  python3 - "$WORK/junit.xml" >>"$SUMMARY" <<'PY'
import sys, xml.etree.ElementTree as xml
cases = xml.parse(sys.argv[1]).getroot().findall("testcase")
word = [c.get("status") for c in cases]
failed = [c.get("name") for c in cases if c.get("status") == "fail"]
passed = word.count("run")
print(passed, 0, len(word) - passed - len(failed))
for name in failed:
    print(0, 1, 0, name)
PY
  rm -f "$WORK/junit.xml"
  return $code
}

unit() { ctest_in build -L unit; }

# By find, not git: the tree may be a copy without its history.
sources() {
  find kernel libs plugin-sdk plugins examples tests -type f \( -name '*.cc' -o -name '*.h' -o -name '*.c' \) \
    -not -path '*/testdata/*' 2>/dev/null | sort
}

format() {
  # shellcheck disable=SC2046
  check clang-format-16 --dry-run -Werror $(sources)
}

# changed_sources: the .cc and .c files that differ from the base, those of the newest commit first;
# all, when there is no base.
changed_sources() {
  local base=${SIGNET_TIDY_BASE:-}
  [ -n "$base" ] || base=$(git merge-base HEAD origin/main 2>/dev/null)
  [ "$(git rev-parse HEAD 2>/dev/null)" != "$base" ] || base=$(git rev-parse -q --verify HEAD~1 2>/dev/null)
  if [ -n "$base" ]; then
    {
      git diff --name-only HEAD
      git ls-files -o --exclude-standard
      git log --format= --name-only "$base..HEAD"
      git diff --name-only "$base"
    } | awk '!seen[$0]++'
  else
    { git log --format= --name-only HEAD 2>/dev/null; sources; } | awk '!seen[$0]++'
  fi | grep -E '\.(cc|c)$'
}

# tidy [all]: clang-tidy over the sources of the dev build, `all` or the 24 changed last.
tidy() {
  local files
  if [ "${1:-}" = all ]; then
    files=$(sources | grep -E '\.(cc|c)$')
  else
    files=$(changed_sources | while read -r file; do [ ! -f "$file" ] || echo "$file"; done | head -n 24)
  fi
  # shellcheck disable=SC2086
  SIGNET_JOBS=$(jobs) check python3 scripts/lib/tidy.py build $files
}

peers() { check tests/peers/build.sh; }
# The peers take a while and mostly wait for the network and one core: built beside everything else.
peers_start() {
  setsid nice -n 10 tests/peers/build.sh >"$WORK/peers.log" 2>&1 &
  PEERS_PID=$!
}
peers_wait() {
  local code=0
  wait "$PEERS_PID" || code=1
  PEERS_PID=""
  cat "$WORK/peers.log"
  check test $code = 0
}

# python_tests FOLDER [PATTERN]
python_tests() {
  tests/run.py --summary "$SUMMARY" -j "${SIGNET_TEST_JOBS:-2}" -k "${2:-}" "tests/$1"
}

# sanitized COMMAND...: runs it so that each report of a sanitizer becomes a failed check, also those
# of processes whose output and exit code nobody looks at: they go to files.
sanitized() {
  local code=0 report symbolizer common
  symbolizer=$(command -v llvm-symbolizer-16 llvm-symbolizer addr2line | head -n 1)
  common="log_path=$WORK/report:external_symbolizer_path=$symbolizer:print_suppressions=0"
  # Stacks of allocations through OpenSSL (no frame pointers), since the frame below it tells whose a
  # leak is; short, since they are slow. Following the loader's thread-local blocks makes the leak
  # check fault now and then while a foreign thread ends; what hangs on them is found without.
  ASAN_OPTIONS=$common:detect_stack_use_after_return=1:strict_string_checks=1:fast_unwind_on_malloc=0:malloc_context_size=8:intercept_tls_get_addr=0 \
    UBSAN_OPTIONS=$common:print_stacktrace=1:halt_on_error=1 \
    LSAN_OPTIONS=$common:suppressions=$PWD/tests/sanitizers/lsan.supp \
    TSAN_OPTIONS=$common:suppressions=$PWD/tests/sanitizers/tsan.supp:halt_on_error=1:second_deadlock_stack=1 \
    SIGNET_TEST_SLOWNESS=6 "$@" || code=1
  for report in "$WORK"/report.*; do
    grep -qE 'ERROR: |runtime error: |WARNING: ThreadSanitizer' "$report" 2>/dev/null || continue
    head -n 100 "$report"
    count 0 1
    code=1
  done
  rm -f "$WORK"/report.*
  return $code
}

# The compile check of the ABI headers has nothing that runs.
# sanitized_unit FOLDER [ctest options]
sanitized_unit() { sanitized ctest_in "$1" -L unit -E '^sdk_headers' "${@:2}"; }

# asan [FOLDER...]: everything under AddressSanitizer and UndefinedBehaviorSanitizer, the unit tests
# and, as whole processes, the Python tests of these folders. Those that stand here measure no memory:
# the sanitizer keeps what is freed.
ASAN_FOLDERS="integration/first-light integration/crash integration/disk integration/hostile/half_open_test.py"
asan() {
  local code=0 folder
  build asan || return 1
  sanitized_unit build-asan || code=1
  for folder in ${*:-$ASAN_FOLDERS}; do
    SIGNET_BUILD_DIR=$PWD/build-asan sanitized python_tests "$folder" || code=1
  done
  return $code
}

# What has threads, under ThreadSanitizer. Of rpc-grpc the server; not its clients and role-dev, whose
# threads are partly gRPC's: TSan sees neither Debian's gRPC nor abseil's locks. Programs that are not built have no
# label, so ctest leaves them out; the conformance suites have theirs all the same.
TSAN_SUITES="kernel-test sdk_test role_server_test role_agent_test role_agent_admin_test workload_client_test cli-test
  http_test https_server_test workloadattestor_c_example_test rpc-grpc-server-test keymanager_test keymanager_disk_test keymanager_memory_test datastore_sql_test
  datastore_postgres_test workloadattestor_unix_test workloadattestor_docker_test limits_test"
tsan() {
  # shellcheck disable=SC2086
  build tsan $TSAN_SUITES || return 1
  sanitized_unit build-tsan -LE conformance
}

fuzz() {
  build fuzz fuzzers || return 1
  scripts/lib/fuzz.sh build-fuzz/fuzz "${1:-10}" "$SUMMARY"
}

# records: each case that runs at full size only by hand has a passing record of its present script.
records() { check python3 scripts/lib/records.py check; }

# golden [--update]: the files that are made from what the tests cover, and that interop compares.
golden() {
  if [ "${1:-}" = --update ]; then export SIGNET_GOLDEN_UPDATE=1; fi
  python_tests interop/api/coverage_test.py
}

long() {
  case " ${*:-containers} " in
  *" containers "*) (install_packages scripts/lib/packages-containers.txt) || return 1 ;;
  esac
  python3 scripts/lib/records.py run "$@" --summary "$SUMMARY"
}

ci() {
  local tidy_scope=$1 fuzz_seconds=$2
  stage packages packages || return 1
  peers_start
  stage format format
  stage records records
  if stage build build dev all workload-mtls; then
    stage unit unit
    in_time tidy tidy "$tidy_scope"
    if stage peers peers_wait; then
      stage integration python_tests integration
      stage interop python_tests interop
    fi
  fi
  in_time fuzz fuzz "$fuzz_seconds"
  in_time tsan tsan
  in_time asan asan "${@:3}"
}

what=${1:-ci}
[ $# -eq 0 ] || shift
case $what in
ci) ci changed 10 ;;
all) ci all 60 integration ;;
unit) stage packages packages && stage build build dev all workload-mtls && stage unit unit ;;
integration | interop)
  stage packages packages && stage build build dev all workload-mtls && stage peers peers &&
    stage "$what" python_tests "$what" "${1:-}"
  ;;
asan) stage packages packages && stage peers peers && stage asan asan "$@" ;;
tsan) stage packages packages && stage tsan tsan ;;
fuzz) stage packages packages && stage fuzz fuzz "${1:-10}" ;;
format) stage packages packages && stage format format ;;
records) stage records records ;;
tidy) stage packages packages && stage build build dev all workload-mtls && stage tidy tidy "${1:-changed}" ;;
golden) stage golden golden "$@" ;;
long) stage packages packages && stage build build dev all workload-mtls && stage peers peers && stage long long "$@" ;;
-h | --help | help)
  sed -n '2,/^set -/p' "$0" | sed -e '$d' -e 's/^# \{0,1\}//'
  exit 0
  ;;
*) fail "unknown: $what (scripts/test.sh -h)" ;;
esac

printf '\n%-14s %8s  %s\n' stage seconds verdict
while IFS='|' read -r name seconds verdict; do
  printf '%-14s %8s  %s\n' "$name" "$seconds" "$verdict"
done <"$TABLE"
read -r passed failed skipped < <(awk '{p += $1; f += $2; s += $3} END {print p + 0, f + 0, s + 0}' "$SUMMARY")
[ "$skipped" = 0 ] || echo "skipped: $skipped"
awk 'NF > 3 {$1 = $2 = $3 = ""; print "failed:" $0}' "$SUMMARY" | tr -s ' '
printf '\n%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
