#!/usr/bin/env bash
# The tables of training steps in benchmarks/README.md: the machine, a row for each network of `sotto bench step`, and the
# phases of its private step, with and without --matmul fast. In Markdown, on the standard output.
#
#   benchmarks/step_table.sh [OPTION OF sotto bench step ...]       in the place of --pairs 15 --threads 2
#
# A few minutes. On a machine that does other work at the same time the figures mean nothing.
# Environment: SOTTO=PROGRAM (default: the release build)   MODELS="mlp cnn ..." (default: all six)
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;; esac
sotto=${SOTTO:-build/release/tools/sotto}
[ -x "$sotto" ] || { echo "step_table: no program $sotto; build it, or set SOTTO" >&2; exit 64; }
options=(--pairs 15 --threads 2)
[ $# -eq 0 ] || options=("$@")
read -ra models <<<"${MODELS:-mlp cnn resnet20 encoder lstm embedding-bag}"
answers=$(mktemp -d "${TMPDIR:-/tmp}/sotto-steps.XXXXXX")
trap 'rm -rf "$answers"' EXIT

for model in "${models[@]}"; do
  for matmul in stock fast; do
    echo "step_table: $model, --matmul $matmul" >&2
    "$sotto" bench step "${options[@]}" --model "$model" --matmul "$matmul" --json >"$answers/$model-$matmul.json"
  done
done

echo 'Machine, from lscpu:'
echo
lscpu | grep -E '^(Model name|CPU\(s\)|Thread\(s\) per core|L[23] cache)' | sed 's/^/    /'
echo
python3 - "$answers" "${models[@]}" <<'END'
import json
import pathlib
import sys

GOALS = {"mlp": "1.20, 1.1", "cnn": "1.35 (1.5), 1.3", "resnet20": "1.35, 1.3", "encoder": "1.30 (1.4), 1.25",
         "lstm": "1.35, 1.3", "embedding-bag": "2.0, 1.5"}
folder, models = pathlib.Path(sys.argv[1]), sys.argv[2:]
answers = {(model, matmul): json.loads((folder / f"{model}-{matmul}.json").read_text(encoding="utf-8"))
           for model in models for matmul in ("stock", "fast")}
first = next(iter(answers.values()))
print(f"Medians of {first['pairs']} pairs, {first['threads']} threads.\n")
print("| model | batch | matmul | plain | private | ratio_time (range) | ratio_time_stock | ratio_peak_memory | goal: time, memory |")
print("|---|---|---|---|---|---|---|---|---|")
for (model, matmul), a in answers.items():
    print(f"| {model} | {a['batch']} | {matmul} | {a['seconds_plain'] * 1e3:.1f} ms | {a['seconds_private'] * 1e3:.1f} ms "
          f"| {a['ratio_time']:.2f} ({a['ratio_time_min']:.2f} - {a['ratio_time_max']:.2f}) | {a['ratio_time_stock']:.2f} "
          f"| {a['ratio_peak_memory']:.2f} | {GOALS[model]} |")
print("\nPhases of the private step, milliseconds:\n")
phases = list(dict.fromkeys(phase for answer in answers.values() for phase in answer["phases"]))
print(f"| model | matmul | {' | '.join(phases)} |")
print(f"|---|---|{'---|' * len(phases)}")
for (model, matmul), answer in answers.items():
    cells = [f"{answer['phases'][p]['seconds'] * 1e3:.2f}" if p in answer["phases"] else "" for p in phases]
    print(f"| {model} | {matmul} | {' | '.join(cells)} |")
END
