#!/usr/bin/env bash
# The table of group-level privacy in the README: a head on MiniLM for the sentences of Amazon reviews, where the unit is
# a review with all its sentences, without privacy and at epsilon 8 and 3, delta 1e-5. Reviews are held back for tests
# whole.
#
#   benchmarks/group_table.sh [--runs N] [--folder DIR] [OPTION OF sotto train text ...]
#
# The options are added to those of all runs; each may be given once, so not those that stand below.
# Can be stopped and started again: finished runs are kept, an interrupted one is resumed. Runs lie in DIR
# (default: runs/groups). Environment: SOTTO=PROGRAM (default: the release build), SOTTO_DATA
set -euo pipefail
cd "$(dirname "$0")/.."
source benchmarks/table_runs.sh

runs=3
folder=runs/groups
while common_option "$@"; do shift 2; done
find_sotto
reviews=${SOTTO_DATA:-data-cache}/reviews/amazonReviewSnippets_GroundTruth.txt
[ -f "$reviews" ] || { echo "group_table: no $reviews; tools/fetch_data.sh reviews fetches it" >&2; exit 74; }

options=(train text --data "$reviews" --data-format tsv --text-column text --label-column sentiment
  --labels '<0 -> 0, >0 -> 1, drop 0' --group-column id --group-up-to _ --max-per-group 16 --test-fraction 0.2
  --dataset-size 240 --adapt head --pooling layers --centre)
plain=(--rule none --optimizer adam --lr 0.01 --batch 60 --epochs 60)
private=(--delta 1e-5 --rule flat --clip-norm 1.4 --optimizer sgd --lr 1 --lr-schedule linear --batch 240 --steps 30)

more=("$@")
command_of() {
  command=("${options[@]}")
  if [ "$1" = none ]; then command+=("${plain[@]}"); else command+=("${private[@]}" --epsilon "$1"); fi
  command+=("${more[@]}")
}
budget_runs none 8 3
budget_table none 8 3
