#!/usr/bin/env bash
# The table of test accuracies in the README: Fashion-MNIST at epsilon 3, delta 1e-5, with the settings of Tramer and Boneh
# (cnn, batch 2048, lr 4, momentum 0.9, clip norm 0.1, 40 epochs), the rules flat and psac, three runs each.
#
#   benchmarks/accuracy_table.sh [--runs N] [--folder DIR] [OPTION OF sotto train ...]
#
# --noise-multiplier among the options replaces epsilon 3.
# Can be stopped and started again: finished runs are kept, an interrupted one is resumed. Runs lie in DIR
# (default: runs/accuracy). Environment: SOTTO=PROGRAM (default: the release build)
set -euo pipefail
cd "$(dirname "$0")/.."
source benchmarks/table_runs.sh

runs=3
folder=runs/accuracy
while common_option "$@"; do shift 2; done
budget=(--epsilon 3)
for option in "$@"; do
  case $option in --noise-multiplier*) budget=() ;; esac
done
find_sotto

planned_epsilon() { sed -n '/^  "planned": {/,/}/s/^    "epsilon": \([-0-9.e+]*\),$/\1/p' "$1/certificate.json"; }
noise_multiplier() { sed -n 's/^  "noise_multiplier": \([-0-9.e+]*\),$/\1/p' "$1/certificate.json"; }

rules=(flat psac)
for rule in "${rules[@]}"; do
  for ((n = 1; n <= runs; ++n)); do
    finish "$folder/$rule-$n" train fashion-mnist "${budget[@]}" --delta 1e-5 --rule "$rule" "$@"
  done
done

printf '| rule | runs | mean accuracy | lowest | highest | epsilon | noise multiplier | steps |\n'
printf '|---|---|---|---|---|---|---|---|\n'
for rule in "${rules[@]}"; do
  for ((n = 1; n <= runs; ++n)); do
    run=$folder/$rule-$n
    echo "$(last "$run" accuracy) $(planned_epsilon "$run") $(noise_multiplier "$run") $(last "$run" step)"
  done | LC_ALL=C awk -v rule="$rule" '
    NR == 1 { low = high = $1 }
    { sum += $1; if ($1 < low) low = $1; if ($1 > high) high = $1; if ($2 > epsilon) epsilon = $2 }
    END {
      printf "| %s | %d | %.2f %% | %.2f %% | %.2f %% | %.4f | %.4f | %d |\n", rule, NR, 100 * sum / NR, 100 * low,
        100 * high, epsilon, $3, $4
    }'
done
