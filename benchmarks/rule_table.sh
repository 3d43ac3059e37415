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
source benchmarks/table_runs.sh

runs=3
folder=runs/rules
while common_option "$@"; do shift 2; done
find_sotto
options=(train text movie-reviews --adapt head --pooling layers --centre --batch 2048 --steps 60 --optimizer sgd --lr-schedule linear --delta 1e-5 "$@")

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
      finish "$run" "${options[@]}" --rule $rule --epsilon 8 "${fixed[@]}" --lr $lr "$parameter"
      accuracy=$(last "$run" accuracy)
      : "${accuracy:?"of $run, nothing was measured"}"
      if awk "BEGIN { exit !($accuracy > $best) }"; then best=$accuracy chosen=("$parameter" --lr $lr); fi
    done
  done
  for budget in 8 3; do
    for ((n = 1; n <= runs; ++n)); do
      finish "$folder/$rule/$budget-$n" "${options[@]}" --rule $rule --epsilon $budget "${fixed[@]}" "${chosen[@]}"
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
