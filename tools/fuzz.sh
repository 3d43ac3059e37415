#!/usr/bin/env bash
# Builds the libFuzzer targets (preset fuzz) and lets each search for SECONDS, starting from its committed corpus.
#
#   tools/fuzz.sh [SECONDS] [OPTION OF LIBFUZZER ...]      default: 60
#   tools/fuzz.sh 0 -runs=1000000                          as many executions instead
#
# What it finds interesting goes to build/fuzz/found/, and an input that fails to build/fuzz/failed-...: its name is
# printed, and running the target with it alone shows the failure again.
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
  -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
esac
seconds=${1:-60}
[[ $seconds =~ ^[0-9]+$ ]] || { echo "fuzz: '$seconds' is no number of seconds; see tools/fuzz.sh --help" >&2; exit 64; }
shift $(($# > 0))

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz -j "$(nproc)"

# fuzz ROOM TARGET CORPUS LONGEST_INPUT [OPTION ...]
fuzz() {
  local found=build/fuzz/found/$2
  mkdir -p "$found"
  printf '\n== %s\n' "$2"
  "build/fuzz/tests/$1/$2" -max_total_time="$seconds" -max_len="$4" -timeout=10 -rss_limit_mb=4096 \
    -artifact_prefix=build/fuzz/failed- -print_final_stats=1 "${@:5}" "$found" "tests/$1/fuzz/$3"
}
fuzz data tokenizer_fuzz tokenizers 8192 "$@"
fuzz models safetensors_fuzz safetensors 2048 "$@"
fuzz privacy ledger_fuzz ledger 4096 "$@"
fuzz privacy certificate_fuzz certificate 4096 "$@"
fuzz privacy events_fuzz events 2048 "$@"
fuzz tools anchor_fuzz anchor 256 "$@"
fuzz tools config_fuzz config 1024 "$@"
