#!/usr/bin/env bash
# The encoder that rows of the README's table of texts begin with, "public sentences first": MiniLM as a whole, trained without
# privacy to tell the ratings of 3,708 sentences of product reviews and 5,190 of newspaper articles, which are public and are
# of other sources than the movie reviews. It lies in DIR/encoder then, and `sotto train text movie-reviews --model DIR/encoder
# --public-base` begins with it.
#
#   benchmarks/public_encoder.sh [--folder DIR]
#
# Four minutes on two threads. Can be stopped and started again. DIR is runs/public if not said. Environment: SOTTO=PROGRAM
# (default: the release build), SOTTO_DATA
set -euo pipefail
cd "$(dirname "$0")/.."
source benchmarks/table_runs.sh

folder=runs/public
while [ $# -gt 0 ] && [ "$1" != --runs ] && common_option "$@"; do shift 2; done
[ $# -eq 0 ] || { echo "public_encoder: $1 is no option; --help says what is" >&2; exit 64; }
find_sotto
reviews=${SOTTO_DATA:-data-cache}/reviews
[ -f "$reviews/nytEditorialSnippets_GroundTruth.txt" ] ||
  { echo "public_encoder: no texts in $reviews; tools/fetch_data.sh reviews fetches them" >&2; exit 74; }
ratings() { awk 'FNR > 1' "$reviews/$1_GroundTruth.txt"; }

mkdir -p "$folder"
sentences=$folder/sentences.tsv
if [ ! -e "$sentences" ]; then
  { printf 'id\tsentiment\ttext\n' && ratings amazonReviewSnippets && ratings nytEditorialSnippets; } >"$sentences.part"
  mv "$sentences.part" "$sentences"
fi
finish "$folder/run" train text --data "$sentences" --text-column text --label-column sentiment --labels 'range -4 4' \
  --dataset-size 8898 --rule none --adapt full --pooling layers --optimizer adam --lr 1e-4 --lr-schedule linear --batch 32 \
  --epochs 3 --matmul fast
[ -e "$folder/encoder" ] || "$sotto" export "$folder/run" --to safetensors --output "$folder/encoder" >&2
