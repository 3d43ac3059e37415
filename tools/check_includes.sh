#!/usr/bin/env bash
# Checks that the arrows between rooms point one way: every #include in a room's sources names a room that this room may
# use, and LibTorch is seen only where it may be.
#
#   tools/check_includes.sh [FOLDER]      default: the repository
#
# Prints each wrong line as FILE:LINE:TEXT and exits 1 when there is one.
set -euo pipefail
case ${1:-} in
  -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
esac
cd "${1:-$(dirname "$0")/..}"

# room: the rooms that it may use besides itself
arrows='
privacy:
kernels:
data: privacy
optim: privacy kernels
models: privacy optim
distributed: privacy kernels optim
tools: privacy kernels data models optim distributed'
without_libtorch='privacy kernels data'
sources=(--include=*.h --include=*.cpp --include=*.cu --include=*.cuh)
include='^[[:space:]]*#[[:space:]]*include[[:space:]]*'

status=0
# wrong REASON LINES: reports the lines, if there are any
wrong() {
  [ -n "$2" ] || return 0
  printf '%s:\n%s\n' "$1" "$2"
  status=1
}

known=$(sed -n 's/:.*//p' <<<"$arrows")
seen=0
while IFS=: read -r room others; do
  [ -n "$room" ] && [ -d "$room" ] || continue
  seen=$((seen + 1))
  allowed=$(tr -s ' ' '|' <<<"$room$others")
  for used in $known; do
    if [[ ! $used =~ ^($allowed)$ ]]; then
      wrong "$room may not use $used" "$(grep -rnE "${sources[@]}" "${include}[<\"]sotto/$used/" "$room" || true)"
    fi
  done
  wrong "$room may not climb out of its folder" "$(grep -rnE "${sources[@]}" "${include}[<\"][^>\"]*\.\./" "$room" || true)"
done <<<"$arrows"
for room in $without_libtorch; do
  [ -d "$room" ] || continue
  wrong "$room may not use LibTorch" "$(grep -rnE "${sources[@]}" "${include}[<\"](torch|ATen|c10|caffe2)/" "$room" || true)"
done
[ $seen -gt 0 ] || { echo "check_includes: no room in $PWD" >&2; exit 64; }
exit $status
