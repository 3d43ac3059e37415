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

# fuzz ROOM TARGET CORPUS LONGEST_INPUT [OPTION ...]: one of several side by side; its output is shown when it has ended
fuzz() {
  local found=build/fuzz/found/$2 log=build/fuzz/$2.log verdict=0
  mkdir -p "$found"
  "build/fuzz/tests/$1/$2" -max_total_time="$seconds" -max_len="$4" -timeout=10 -rss_limit_mb=4096 \
    -artifact_prefix=build/fuzz/failed- -print_final_stats=1 "${@:5}" "$found" "tests/$1/fuzz/$3" >"$log" 2>&1 || verdict=$?
  printf '\n== %s, exit code %d\n' "$2" $verdict
  tail -n 40 "$log"
  return $verdict
}

verdict=0 running=0
side_by_side() {
  if [ $running -ge "$(nproc)" ]; then
    wait -n || verdict=1
    running=$((running - 1))
  fi
  fuzz "$@" &
  running=$((running + 1))
}
side_by_side data tokenizer_fuzz tokenizers 8192 "$@"
side_by_side data idx_fuzz idx 512 "$@"
side_by_side data table_fuzz table 1024 "$@"
side_by_side data picture_fuzz picture 2048 "$@"
side_by_side data text_fuzz text 1024 "$@"
side_by_side models safetensors_fuzz safetensors 2048 "$@"
side_by_side models peft_fuzz peft 2048 "$@"
side_by_side privacy ledger_fuzz ledger 4096 "$@"
side_by_side privacy certificate_fuzz certificate 4096 "$@"
side_by_side privacy events_fuzz events 2048 "$@"
side_by_side tools anchor_fuzz anchor 256 "$@"
side_by_side tools config_fuzz config 1024 "$@"
side_by_side tools costs_fuzz costs 2048 "$@"
while [ $running -gt 0 ]; do
  wait -n || verdict=1
  running=$((running - 1))
done
exit $verdict
