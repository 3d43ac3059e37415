#!/usr/bin/env bash
# Measures a private training step of Opacus (gradients by hooks, and ghost clipping) and of sotto against a plain step, on
# the six networks of `sotto bench step`: same sizes, batches, threads, SGD and clip norm, on this machine in one run.
# Prints the medians of private / plain, the milliseconds and the peak memory as a table in Markdown.
#
#   benchmarks/compare_opacus.sh [--keep] [--pairs N] [--threads N] [--models NAME,NAME,...] [--batch N] [--json FILE]
#
# PyTorch and Opacus come from PyPI into a Python environment in a temporary folder (about 1.3 GB), which is removed at the
# end; --keep leaves it and says where it is. Nothing else of sotto needs them, and continuous integration does not run
# this. On a machine that does other work at the same time the figures mean nothing.
# Environment: SOTTO=PROGRAM (default: the release build)   PEERS=FOLDER (an environment that --keep has left)
set -euo pipefail
cd "$(dirname "$0")/.."

keep=no
case ${1:-} in
  -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
  --keep) keep=yes; shift ;;
esac
sotto=$(readlink -f "${SOTTO:-build/release/tools/sotto}")
[ -x "$sotto" ] || { echo "compare_opacus: no program $sotto; build it, or set SOTTO" >&2; exit 64; }

# The LibTorch of sotto with the libraries that this wheel cannot be loaded without, and no others for a GPU.
packages=(torch==2.15.0 nvidia-cuda-cupti==13.2.* nvidia-cuda-runtime==13.2.* nvidia-cufile==1.20.* nvidia-cusparselt-cu13==0.8.1
  nvidia-nccl-cu13==2.30.7 nvidia-nvshmem-cu13==3.7.2 filelock==4.3.1 fsspec==2026.9.0 Jinja2==3.1.6 MarkupSafe==3.0.4
  mpmath==1.3.0 networkx==3.6.1 sympy==1.14.0 typing_extensions==4.16.0 numpy==2.4.6 scipy==1.17.1 opt_einsum==3.4.0
  opacus==1.6.0)
environment=${PEERS:-}
if [ -z "$environment" ]; then
  environment=$(mktemp -d "${TMPDIR:-/tmp}/sotto-opacus.XXXXXX")
  [ $keep = yes ] || trap 'rm -rf "$environment"' EXIT
  python=python3
  ! /usr/bin/python3 -c 'import ensurepip, venv' 2>/dev/null || python=/usr/bin/python3
  "$python" -m venv "$environment" >&2
  "$environment/bin/python" -m pip install --disable-pip-version-check --no-input --quiet --only-binary=:all: --no-deps \
    "${packages[@]}" >&2
  [ $keep = no ] || echo "compare_opacus: the environment is $environment" >&2
fi
# Freed memory is kept, of whatever size, as sotto does (tools/keep_freed_memory.cpp), and idle threads do not spin.
export MALLOC_MMAP_THRESHOLD_=1099511627776 MALLOC_TRIM_THRESHOLD_=1099511627776 MALLOC_TOP_PAD_=67108864 GOMP_SPINCOUNT=1000
status=0
"$environment/bin/python" benchmarks/compare_opacus.py --sotto "$sotto" "$@" || status=$?
exit $status
