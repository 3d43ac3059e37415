#!/usr/bin/env bash
# Builds the kernels for CUDA devices (preset cuda), compares all of them on a device of this machine with their twins on
# the processor, and times them. For a machine with an NVIDIA GPU of compute capability 8.0 or newer and a driver for
# CUDA 13.
#
#   tools/gpu_check.sh          set up as tools/setup.sh does, then build, test and measure; a few minutes
#
# Until now it has run on machines without a GPU only, where it builds everything and then says what is missing: what it
# finds on yours is new. Please report a failure with the whole output, and figures with the name of the device.
#
# Exits 0 when all tests passed, 64 when no device can be used, 1 otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
  '') ;;
  -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
  *) echo "gpu_check: unknown option $1; see tools/gpu_check.sh --help" >&2; exit 64 ;;
esac

source tools/setup.sh
[ -n "${CUDACXX:-}" ] || { echo "gpu_check: no nvcc, and none could be installed" >&2; exit 1; }
mkdir -p build
cmake --preset cuda >build/cuda.configure.log 2>&1 || { cat build/cuda.configure.log; exit 1; }
cmake --build --preset cuda --target sotto_cuda cuda_plugin_test cuda_device_test cuda_kernels

printf '\n== devices\n'
build/cuda/benchmarks/cuda_kernels --list
if command -v nvidia-smi >/dev/null; then nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader; fi

printf '\n== tests\n'
verdict=0
ctest --preset cuda --no-tests=error -R '^cuda_(plugin|device)_test' || verdict=1

printf '\n== times\n'
build/cuda/benchmarks/cuda_kernels || verdict=1
exit $verdict
