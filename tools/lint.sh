#!/usr/bin/env bash
# Checks the format of all tracked C++ and C sources, and runs clang-tidy on part of them.
#
#   tools/lint.sh              format of everything; clang-tidy on the rooms that are free of LibTorch
#   tools/lint.sh --changed    clang-tidy on the sources that differ from the main branch, LibTorch ones included
#   tools/lint.sh --all        clang-tidy on everything
#   tools/lint.sh --fix        rewrite the format instead of checking it, and stop there
#
# A source that includes LibTorch keeps clang-tidy busy for tens of seconds, the others for a few: that is why the
# default leaves the former out. A source that passed is not read again until something that its verdict depends on
# changes (tools/lint_keys.py); such verdicts are kept in ~/.cache/sotto/lint.
set -euo pipefail
cd "$(dirname "$0")/.."

mode=${1:-default}
case $mode in
  default | --changed | --all | --fix) ;;
  -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
  *) echo "lint: unknown option $mode; see tools/lint.sh --help" >&2; exit 64 ;;
esac
jobs=$(nproc)

mapfile -t sources < <(git ls-files '*.h' '*.c' '*.cpp' '*.cu' '*.cuh')
if [ "$mode" = --fix ]; then
  clang-format -i "${sources[@]}"
  exit 0
fi
printf '%s\0' "${sources[@]}" | xargs -0 -n 20 -P "$jobs" clang-format --dry-run -Werror
echo "lint: format of ${#sources[@]} files is right"

# A build folder of its own, in which nothing is built: there every source is compiled by itself, as clang-tidy reads it.
database=build/lint
mkdir -p $database
cmake --preset release -B $database -DSOTTO_UNITY=OFF -DSOTTO_PRECOMPILED_HEADERS=OFF >$database/configure.log 2>&1 ||
  { cat $database/configure.log; exit 1; }
case $mode in
  default) mapfile -t candidates < <(git ls-files 'privacy/*.cpp' 'kernels/*.cpp' 'data/*.cpp' 'models/*.cpp' 'tools/*.cpp') ;;
  --changed) mapfile -t candidates < <(git diff --name-only --diff-filter=d main -- '*.cpp'; git ls-files --others --exclude-standard '*.cpp') ;;
  --all) mapfile -t candidates < <(git ls-files '*.cpp') ;;
esac

# Only what the release build compiles can be checked. The compile command says whether LibTorch is on the include path.
chosen=()
for source in "${candidates[@]}"; do
  command=$(grep -F -- "-c $PWD/$source\"" $database/compile_commands.json || true)
  [ -n "$command" ] || continue
  if [ "$mode" = default ] && [[ $command == *'/torch/include'* ]]; then continue; fi
  chosen+=("$source")
done
verdicts=${XDG_CACHE_HOME:-$HOME/.cache}/sotto/lint
mkdir -p "$verdicts"
# Of the flags some are for g++ alone.
tidy() {
  [ -e "$verdicts/$1" ] && return 0
  clang-tidy --quiet -p $database --extra-arg=-Wno-unknown-warning-option --extra-arg=-fno-openmp "$2" 2>/dev/null || return 1
  touch "$verdicts/$1"
}
export -f tidy
export verdicts database
if [ ${#chosen[@]} -gt 0 ]; then
  printf '%s\n' "${chosen[@]}" | tools/lint_keys.py $database/compile_commands.json >$database/keys
  xargs -n 2 -P "$jobs" bash -c 'tidy "$0" "$1"' <$database/keys
fi
echo "lint: clang-tidy passed on ${#chosen[@]} files"
