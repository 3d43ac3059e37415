#!/usr/bin/env bash
# From a fresh clone to a private model: sets up, builds sotto, fetches Fashion-MNIST, trains a classifier under
# differential privacy and evaluates it. Run it again for another run, in a folder of its own.
#
#   tools/quickstart.sh [OPTION OF sotto train ...]
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-} in
  -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
esac

epsilon=3
delta=1e-5
epochs=5
run=runs/quickstart

source tools/setup.sh
cmake --preset release >/dev/null
cmake --build --preset release -j "$(nproc)" --target sotto
tools/fetch_data.sh fashion-mnist

# A run folder holds the record of privacy that was spent: it is never overwritten.
free=$run
for ((n = 2; ; ++n)); do
  [ -e "$free" ] || break
  free=$run-$n
done

build/release/tools/sotto train fashion-mnist --epsilon $epsilon --delta $delta --epochs $epochs --output "$free" "$@"
build/release/tools/sotto evaluate "$free"
