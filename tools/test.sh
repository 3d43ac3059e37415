#!/usr/bin/env bash
# Sets up, builds and tests sotto; what continuous integration runs.
#
#   tools/test.sh          everything: release build, lint, all tests; the CUDA kernels compiled for devices (preset
#                          cuda); a minute of each libFuzzer target; the CUDA kernels on the processor with clang and
#                          MemorySanitizer (presets clang, msan); the tests in which threads meet under ThreadSanitizer
#                          (preset tsan); the lines of kernels that the tests execute; the fast tests and the CUDA kernels
#                          on the processor again under AddressSanitizer and UndefinedBehaviorSanitizer (preset dev)
#   tools/test.sh --fast   release build and its fast tests only
#   tools/test.sh --minutes N    after the tests of the release build only what ends within so many minutes: from nothing,
#                          without what ccache keeps, all stages take longer than continuous integration may; the
#                          summary names those that were left out
#
# Ends with one line per stage: its verdict, seconds and name. Exits 0 only when every stage passed that was begun.
set -euo pipefail
cd "$(dirname "$0")/.."

fast=no minutes=''
case ${1:-} in
  '') ;;
  --fast) fast=yes ;;
  --minutes)
    minutes=${2:-}
    [[ $minutes =~ ^[0-9]+$ ]] || { echo "test: --minutes '$minutes': must be a whole number" >&2; exit 64; }
    shift
    ;;
  -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
  *) echo "test: unknown option $1; see tools/test.sh --help" >&2; exit 64 ;;
esac
[ $# -le 1 ] || { echo "test: one option at most; see tools/test.sh --help" >&2; exit 64; }
jobs=$(nproc)

summary=()
verdict=0

# in_time NAME MINUTES: whether there is time for stages that take so long at least; says so where there is not
in_time() {
  optional=yes
  if [ -z "$minutes" ] || [ $((SECONDS + 60 * $2)) -le $((60 * minutes)) ]; then return 0; fi
  skip "$1: left out, as it could take until after $minutes minutes"
  return 1
}

# timed COMMAND...: ends it, with 124, when the minutes are over; what runs before the first in_time() has no limit
optional=no
timed() {
  if [ $optional = no ] || [ -z "$minutes" ]; then "$@"; return; fi
  local left=$((60 * minutes - SECONDS))
  [ $left -gt 0 ] || return 124
  timeout -k 20 $left "$@"
}

# stage NAME COMMAND...: runs it, notes how long it took; false when it failed or was ended
stage() {
  local name=$1 began=$SECONDS result=passed code=0
  shift
  printf '\n== %s, after %d s\n' "$name" "$SECONDS"
  "$@" || code=$?
  if [ $code = 124 ] && [ $optional = yes ]; then
    skip "$name: left out, as it was not over after $minutes minutes"
    return 1
  fi
  [ $code = 0 ] || result=FAILED
  summary+=("$(printf '%-7s %5d s  %s' "$result" $((SECONDS - began)) "$name")")
  if [ $result = FAILED ]; then verdict=1; return 1; fi
}
skip() { summary+=("$(printf '%-7s %5s    %s' skipped - "$1")"); }

build() {
  if ! cmake --preset "$1" >"build/$1.configure.log" 2>&1; then
    cat "build/$1.configure.log"
    return 1
  fi
  timed cmake --build --preset "$1" -j "$jobs"
}

# run_tests PRESET [CTEST ARGUMENTS]
run_tests() {
  local name=$1
  shift
  local launcher=()
  # The sanitizers of g++ 12 cannot cope with the widest address randomisation of newer kernels.
  if [ "$name" != release ] && setarch -R true 2>/dev/null; then launcher=(setarch -R); fi
  timed "${launcher[@]}" ctest --preset "$name" -j "$jobs" --no-tests=error "$@"
}

# preset NAME [CTEST ARGUMENTS]: build it, then test it if it was built
preset() {
  local name=$1
  shift
  if stage "build $name" build "$name"; then
    stage "test $name${*:+ ($*)}" run_tests "$name" "$@" || true
  else
    skip "test $name${*:+ ($*)}"
  fi
}

# What the compiler makes of the kernels for devices, then their library (preset cuda), which is opened and asked for one.
cuda_kernels() {
  tools/check_kernels.sh || return 1
  cmake --preset cuda >build/cuda.configure.log 2>&1 || { cat build/cuda.configure.log; return 1; }
  cmake --build --preset cuda -j "$jobs" --target sotto_cuda cuda_plugin_test cuda_device_test cuda_kernels || return 1
  ctest --preset cuda -j "$jobs" --no-tests=error -R '^cuda_(plugin|device)_test'
}

[ $fast = yes ] || sotto_more_packages=(chromium) # for the tests labelled browser
source tools/setup.sh
mkdir -p build

# LibTorch runs under these as it comes, and no CUDA is started; one leak of its own is excused.
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1
export LSAN_OPTIONS=suppressions=$PWD/tests/leaks.supp:print_suppressions=0
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1

if [ $fast = yes ]; then
  preset release -L fast
else
  if stage "build release" build release; then
    stage "lint" tools/lint.sh || true
    stage "test release" run_tests release || true
  else
    skip "lint"
    skip "test release"
  fi
  if [ -n "${CUDACXX:-}" ]; then
    in_time "CUDA kernels" 6 && { stage "CUDA kernels" cuda_kernels || true; }
  else
    skip "CUDA kernels: no nvcc, and none could be installed"
  fi
  in_time "fuzzing" 13 && { stage "fuzzing" tools/fuzz.sh 60 -seed=1 || true; }
  in_time "preset clang" 6 && preset clang
  in_time "preset tsan" 6 && preset tsan
  in_time "preset msan" 3 && preset msan
  in_time "coverage of kernels" 5 && { stage "coverage of kernels" tools/kernel_coverage.sh || true; }
  in_time "preset dev" 15 && preset dev -L 'fast|sim' # up to 50 from nothing
fi

printf '\n== summary, %d s on %d cores\n' "$SECONDS" "$jobs"
printf '%s\n' "${summary[@]}"
exit $verdict
