#!/usr/bin/env bash
# The table of fine-tuned text models in the README: a preset of texts, one way to adapt MiniLM, without privacy and at
# epsilon 8 and 3, delta 1e-5, three runs each.
#
#   benchmarks/finetune_table.sh [--runs N] [--folder DIR] [--preset NAME] [OPTION OF sotto train text ...]
#
# The options are those of the private runs; the run without privacy takes Adam, lr 0.01, batch 512, 30 epochs, and of the
# options --adapt, --pooling and the like: --plain "OPTION ..." replaces all of that.
# Can be stopped and started again: finished runs are kept, an interrupted one is resumed. Runs lie in DIR
# (default: runs/finetune). Environment: SOTTO=PROGRAM (default: the release build), SOTTO_DATA
set -euo pipefail
cd "$(dirname "$0")/.."

runs=3
folder=runs/finetune
preset=movie-reviews
plain=(--pooling layers --centre --optimizer adam --lr 0.01 --batch 512 --epochs 30)
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    --runs) runs=${2:?"--runs needs a number"}; shift 2 ;;
    --folder) folder=${2:?"--folder needs a path"}; shift 2 ;;
    --preset) preset=${2:?"--preset needs a name"}; shift 2 ;;
    --plain) read -ra plain <<<"${2:?"--plain needs options"}"; shift 2 ;;
    *) break ;;
  esac
done
sotto=${SOTTO:-build/release/tools/sotto}
[ -x "$sotto" ] || { echo "finetune_table: no program $sotto; build it, or set SOTTO" >&2; exit 64; }
mkdir -p "$folder"

source benchmarks/run_figures.sh

budgets=(none 8 3)
for budget in "${budgets[@]}"; do
  for ((n = 1; n <= runs; ++n)); do
    run=$folder/$budget-$n
    ! finished "$run" 2>/dev/null || continue
    echo "finetune_table: epsilon $budget, run $n of $runs" >&2
    if [ -e "$run" ]; then
      "$sotto" resume "$run" >&2
    elif [ "$budget" = none ]; then
      "$sotto" train text "$preset" --rule none --output "$run" "${plain[@]}" >&2
    else
      "$sotto" train text "$preset" --epsilon "$budget" --delta 1e-5 --output "$run" "$@" >&2
    fi
  done
done

printf '| epsilon | runs | mean accuracy | lowest | highest | mean F1 | steps |\n'
printf '|---|---|---|---|---|---|---|\n'
for budget in "${budgets[@]}"; do
  for ((n = 1; n <= runs; ++n)); do
    run=$folder/$budget-$n
    echo "$(last "$run" accuracy) $(last "$run" f1) $(last "$run" step)"
  done | LC_ALL=C awk -v budget="$budget" '
    NR == 1 { low = high = $1 }
    { sum += $1; f1 += $2; if ($1 < low) low = $1; if ($1 > high) high = $1 }
    END {
      printf "| %s | %d | %.2f %% | %.2f %% | %.2f %% | %.4f | %d |\n", budget == "none" ? "no privacy" : budget, NR,
        100 * sum / NR, 100 * low, 100 * high, f1 / NR, $3
    }'
done
