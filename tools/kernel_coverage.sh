#!/usr/bin/env bash
# Prints the line coverage of kernels/ by the tests in tests/kernels, kernels for devices included: they are executed on
# the processor. Builds without LibTorch into build/coverage; needs gcov, which comes with g++.
#
#   tools/kernel_coverage.sh [PERCENT]     fails when less than PERCENT (default 95) of the lines were executed
#
# A line counts once, however often it is compiled, and as executed when any copy of it was. What only nvcc compiles
# (kernels/cuda_plugin.cu) is not counted.
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-95} in
  -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
  *[!0-9.]*) echo "kernel_coverage: $1 is no percentage; see tools/kernel_coverage.sh --help" >&2; exit 64 ;;
esac
least=${1:-95}
build=build/coverage

mkdir -p build
cmake -S . -B $build -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS=--coverage -DSOTTO_BUILD_TRAINING=OFF \
  >build/coverage.configure.log 2>&1 || { cat build/coverage.configure.log; exit 1; }
cmake --build $build --target tests/kernels/all sim_tests -- --quiet
find $build -name '*.gcda' -delete
ctest --test-dir $build/tests/kernels -LE 'slow|gpu' -j "$(nproc)" --output-on-failure >$build/tests.log || { cat $build/tests.log; exit 1; }

find "$PWD/$build" -name '*.gcda' -path '*ernel*' -print0 | xargs -0 gcov --json-format --stdout 2>/dev/null |
  python3 -c '
import json, os, sys
root, least = os.getcwd() + "/", float(sys.argv[1])
executed = {}
for text in sys.stdin:
    for file in json.loads(text)["files"]:
        name = os.path.realpath(os.path.join(sys.argv[2], file["file"]))
        if not name.startswith(root + "kernels/"):
            continue
        lines = executed.setdefault(name[len(root):], {})
        for line in file["lines"]:
            number = line["line_number"]
            lines[number] = lines.get(number, False) or line["count"] > 0
total = run = 0
for name, lines in sorted(executed.items()):
    if not lines:
        continue
    missed = sorted(number for number, done in lines.items() if not done)
    total += len(lines)
    run += len(lines) - len(missed)
    shown = "" if not missed else "   not: " + " ".join(map(str, missed))
    print(f"{100 * (len(lines) - len(missed)) / len(lines):6.1f} % of {len(lines):4d} lines  {name}{shown}")
percent = 100 * run / total if total else 0
print(f"{percent:6.1f} % of {total:4d} lines  in all")
sys.exit(0 if percent >= least else f"kernel_coverage: must be at least {least:g} %")
' "$least" "$PWD/$build"
