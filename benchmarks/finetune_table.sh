#!/usr/bin/env bash
# The table of fine-tuned text models in the README: a preset of texts, one way to adapt MiniLM, without privacy and at
# epsilon 8 and 3, delta 1e-5, three runs each.
#
#   benchmarks/finetune_table.sh [--runs N] [--folder DIR] [--preset NAME] [OPTION OF sotto train text ...]
#
# The options go to all runs: --adapt lora, --model FOLDER. Can be stopped and started again: finished runs are kept, an
# interrupted one is resumed. Runs lie in DIR (default: runs/finetune). Environment: SOTTO=PROGRAM (default: the release
# build), SOTTO_DATA
set -euo pipefail
cd "$(dirname "$0")/.."
source benchmarks/table_runs.sh

runs=3
folder=runs/finetune
preset=movie-reviews
while [ $# -gt 0 ]; do
  case $1 in
    --preset) preset=${2:?"--preset needs a name"} ;;
    *) common_option "$@" || break ;;
  esac
  shift 2
done
find_sotto

options=("$@")
command_of() {
  command=(train text "$preset")
  if [ "$1" = none ]; then command+=(--rule none); else command+=(--epsilon "$1" --delta 1e-5); fi
  command+=("${options[@]}")
}
budget_runs none 8 3
budget_table none 8 3
