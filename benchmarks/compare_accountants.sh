#!/usr/bin/env bash
# Asks sotto, dp-accounting, Opacus and prv-accountant the same 12 questions (account_questions.csv) and prints, for each
# question and accountant, the answer, the time, the ratio to ours and who is on the wrong side of the exact value.
#
#   benchmarks/compare_accountants.sh [--keep] [OPTION OF compare_accountants.py ...]
#
# The packages come from PyPI into a Python environment in a temporary folder, which is removed at the end; --keep leaves
# it and says where it is. Nothing else of sotto needs them, and continuous integration does not run this.
# Environment: SOTTO=PROGRAM (default: the release build)   PEERS=FOLDER (an environment that --keep has left)
set -euo pipefail
cd "$(dirname "$0")/.."

keep=no
case ${1:-} in
  -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
  --keep) keep=yes; shift ;;
esac
sotto=$(readlink -f "${SOTTO:-build/release/tools/sotto}")
[ -x "$sotto" ] || { echo "compare_accountants: no program $sotto; build it, or set SOTTO" >&2; exit 64; }

# Opacus without what it needs for training: its accountants are numpy and scipy alone.
packages=(numpy==2.2.6 scipy==1.17.1 absl-py==2.5.1 attrs==23.2.0 dm-tree==0.1.10 mpmath==1.4.1 wrapt==2.5.2
  dp-accounting==0.6.0 opacus==1.6.0 prv-accountant==0.2.0)
environment=${PEERS:-}
if [ -z "$environment" ]; then
  environment=$(mktemp -d "${TMPDIR:-/tmp}/sotto-peers.XXXXXX")
  [ $keep = yes ] || trap 'rm -rf "$environment"' EXIT
  python=python3
  ! /usr/bin/python3 -c 'import ensurepip, venv' 2>/dev/null || python=/usr/bin/python3
  "$python" -m venv "$environment" >&2
  "$environment/bin/python" -m pip install --disable-pip-version-check --no-input --quiet --only-binary=:all: --no-deps \
    "${packages[@]}" >&2
  [ $keep = no ] || echo "compare_accountants: the environment is $environment" >&2
fi
# One thread each: the clock measures work, not cores.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
status=0
"$environment/bin/python" benchmarks/compare_accountants.py --sotto "$sotto" "$@" || status=$?
exit $status
