#!/usr/bin/env bash
# From a fresh clone to a private model: sets up, builds sotto, fetches Fashion-MNIST, trains a classifier under
# differential privacy and evaluates it. Run it again for another run, in a folder of its own.
#
#   tools/quickstart.sh [OPTION OF sotto train ...]
#
# Options replace the defaults: --epsilon 3 --delta 1e-5 --epochs 5 --output runs/quickstart
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-} in
  -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
esac

# given FLAG: its value among the options, as FLAG VALUE or FLAG=VALUE; false when it is not there
options=("$@")
given() {
  local n
  for n in "${!options[@]}"; do
    case ${options[n]} in
      "$1") printf '%s' "${options[n + 1]:-}"; return 0 ;;
      "$1"=*) printf '%s' "${options[n]#*=}"; return 0 ;;
    esac
  done
  return 1
}
defaults=()
given --epsilon >/dev/null || given --noise-multiplier >/dev/null || given --config >/dev/null || defaults+=(--epsilon 3)
given --delta >/dev/null || given --config >/dev/null || defaults+=(--delta 1e-5)
given --epochs >/dev/null || given --steps >/dev/null || given --config >/dev/null || defaults+=(--epochs 5)

source tools/setup.sh
cmake --preset release >/dev/null
cmake --build --preset release -j "$(nproc)" --target sotto
tools/fetch_data.sh fashion-mnist

# A run folder holds the record of privacy that was spent: it is never overwritten.
if ! run=$(given --output); then
  run=runs/quickstart
  for ((n = 2; ; ++n)); do
    [ -e "$run" ] || break
    run=runs/quickstart-$n
  done
  defaults+=(--output "$run")
fi

build/release/tools/sotto train fashion-mnist "${defaults[@]}" "$@"
build/release/tools/sotto evaluate "$run"
