#!/usr/bin/env bash
# The table of weight rules in the README: a head on MiniLM for movie-reviews by flat clipping, AUTO-S and DP-PSAC, at
# epsilon 8 and 3, delta 1e-5, three runs each. Every rule is tuned alike: one run at epsilon 8 for each of two values of
# its own parameter and three learning rates; the most accurate pair on the test texts is taken for both budgets.
#
#   benchmarks/rule_table.sh [--runs N] [--folder DIR] [OPTION OF sotto train text ...]
#
# Can be stopped and started again: finished runs are kept, an interrupted one is resumed. Runs lie in DIR
# (default: runs/rules). Environment: SOTTO=PROGRAM (default: the release build), SOTTO_DATA
set -euo pipefail
cd "$(dirname "$0")/.."

runs=3
folder=runs/rules
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    --runs) runs=${2:?"--runs needs a number"}; shift 2 ;;
    --folder) folder=${2:?"--folder needs a path"}; shift 2 ;;
    *) break ;;
  esac
done
sotto=${SOTTO:-build/release/tools/sotto}
[ -x "$sotto" ] || { echo "rule_table: no program $sotto; build it, or set SOTTO" >&2; exit 64; }
options=(--adapt head --pooling layers --centre --batch 2048 --steps 60 --optimizer sgd --lr-schedule linear --delta 1e-5 "$@")

source benchmarks/run_figures.sh

# train RUN RULE OPTION ...
train() {
  local run=$1 rule=$2
  shift 2
  ! finished "$run" 2>/dev/null || return 0
  echo "rule_table: $run" >&2
  if [ -e "$run" ]; then
    "$sotto" resume "$run" >&2
  else
    mkdir -p "$(dirname "$run")"
    "$sotto" train text movie-reviews "${options[@]}" --rule "$rule" --output "$run" "$@" >&2
  fi
}

# parameters RULE: what is tried beside the rate; what the rule leaves of a gradient's norm is set by it
parameters() {
  case $1 in
    flat) echo '--clip-norm=0.7 --clip-norm=1.4' ;;
    auto-s) echo '--auto-s-gamma=0.1 --auto-s-gamma=1' ;;
    psac) echo '--psac-r=0.1 --psac-r=1' ;;
  esac
}

printf '| rule | tuned | epsilon | runs | mean accuracy | lowest | highest |\n'
printf '|---|---|---|---|---|---|---|\n'
for rule in flat auto-s psac; do
  best=0 chosen=() fixed=(--clip-norm 0.7)
  if [ $rule = flat ]; then fixed=(); fi
  for parameter in $(parameters $rule); do
    for lr in 5 10 20; do
      run=$folder/$rule/tuning$parameter-lr=$lr
      train "$run" $rule --epsilon 8 "${fixed[@]}" --lr $lr "$parameter"
      accuracy=$(last "$run" accuracy)
      if awk "BEGIN { exit !($accuracy > $best) }"; then best=$accuracy chosen=("$parameter" --lr $lr); fi
    done
  done
  for budget in 8 3; do
    for ((n = 1; n <= runs; ++n)); do
      train "$folder/$rule/$budget-$n" $rule --epsilon $budget "${fixed[@]}" "${chosen[@]}"
    done
    for ((n = 1; n <= runs; ++n)); do last "$folder/$rule/$budget-$n" accuracy; done | LC_ALL=C awk \
      -v rule=$rule -v budget=$budget -v chosen="${chosen[*]}" '
        NR == 1 { low = high = $1 }
        { sum += $1; if ($1 < low) low = $1; if ($1 > high) high = $1 }
        END {
          printf "| %s | %s | %s | %d | %.2f %% | %.2f %% | %.2f %% |\n", rule, chosen, budget, NR, 100 * sum / NR,
            100 * low, 100 * high
        }'
  done
done
