#!/usr/bin/env bash
# Compiles the kernels for CUDA devices of compute capability 8.0, 9.0, 10.0 and 12.0 and refuses what the compiler made
# badly of them: registers spilled to memory, local memory or a stack, arithmetic in double where it is not meant, sums
# by atomic operations in floating point (their order is not fixed). Needs nvcc 13 and no device.
#
#   tools/check_kernels.sh                 kernels/*_cuda.cu, and that kernels with planted faults are refused
#   tools/check_kernels.sh FILE.cu...      these files
#
# A file says in a line "// f64: KERNEL, KERNEL" which of its kernels mean to compute in double, and by the words
# "nvcc -fmad=false" that it is compiled without contraction into multiply-adds.
#
# Prints for every kernel its registers on each device, the most of its instances, and its shared memory. Exits 1 when one is refused, 69 when there is no nvcc.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

case ${1:-} in
  -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
  -*) echo "check_kernels: unknown option $1; see tools/check_kernels.sh --help" >&2; exit 64 ;;
esac

nvcc=
for candidate in "${CUDACXX:-nvcc}" /usr/local/cuda/bin/nvcc "$root"/.cache/venv/lib/python3*/site-packages/nvidia/cu13/bin/nvcc; do
  if nvcc=$(command -v "$candidate"); then break; fi
done
[ -n "$nvcc" ] || { echo "check_kernels: no nvcc; tools/setup.sh installs one" >&2; exit 69; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/sotto"
ln -s "$root/kernels" "$work/sotto/kernels"
targets=()
for capability in 80 90 100 120; do
  targets+=(-gencode "arch=compute_$capability,code=sm_$capability")
done

# The name of a kernel out of its mangled one: the last part, without template arguments.
plain_names() { c++filt | sed -E 's/\(anonymous namespace\):://g; s/^void //; s/[<(].*//; s/.*:://'; }

# check_file FILE: prints its table and every fault; false when there is one
check_file() {
  local file=$1 name flags=(-std=c++20 -I"$work" -Werror=all-warnings) report ptx meant faults=0 line
  name=$(basename "$file" .cu)
  report=$work/$name.report ptx=$work/$name.ptx
  if grep -q 'nvcc -fmad=false' "$file"; then flags+=(-fmad=false); fi
  if ! "$nvcc" "${flags[@]}" "${targets[@]}" -Xptxas -v -c "$file" -o "$work/$name.o" >"$report" 2>&1 ||
    ! "$nvcc" "${flags[@]}" -arch=compute_80 -ptx "$file" -o "$ptx" >>"$report" 2>&1; then
    cat "$report"
    return 1
  fi

  # One line per function and device: name, device, stack, spill stores and loads, registers, shared memory.
  sed -n "s/^ptxas info.*Compiling entry function '\(.*\)' for '\(sm_[0-9]*\)'/entry \1 \2/p
          s/^ptxas info.*Function properties for \(.*\)/function \1/p
          s/^ *\([0-9]*\) bytes stack frame, \([0-9]*\) bytes spill stores, \([0-9]*\) bytes spill loads/frame \1 \2 \3/p
          s/^ptxas info.*Used \([0-9]*\) registers\(.* \([0-9]*\) bytes smem\)\{0,1\}.*/used \1 \3/p" "$report" |
    awk '$1 == "entry" { entry = $2; device = $3 }
         $1 == "function" { inside = $2 }
         $1 == "frame" { print inside, device, "frame", $2, $3, $4 }
         $1 == "used" { print entry, device, "used", $2, $3 + 0 }' >"$work/$name.table"
  if ! grep -q ' used ' "$work/$name.table"; then
    echo "$file: holds no kernel, or the compiler's report has changed"
    return 1
  fi
  paste -d' ' <(cut -d' ' -f1 "$work/$name.table" | plain_names) <(cut -d' ' -f2- "$work/$name.table") >"$work/$name.plain"
  awk '$3 == "used" { if (!($1 in shared)) { order[++kernels] = $1; shared[$1] = 0 }
                      if ($5 > shared[$1]) shared[$1] = $5
                      if ($4 > used[$1, $2]) used[$1, $2] = $4 }
       END { for (k = 1; k <= kernels; ++k) {
               n = order[k]
               printf "%-26s %3d %3d %3d %3d registers, %d bytes of shared memory\n", n, used[n, "sm_80"], used[n, "sm_90"],
                      used[n, "sm_100"], used[n, "sm_120"], shared[n] } }' "$work/$name.plain"
  while read -r line; do
    echo "$file: $line"
    faults=1
  done < <(awk '$3 == "frame" && $4 + $5 + $6 > 0 {
                  print $1, "on", $2 ":", $4, "bytes of stack,", $5, "bytes of spill stores,", $6, "bytes of spill loads" }' "$work/$name.plain")

  # What a function does in double besides moving values, and its atomic sums.
  awk '/^[.a-z ]*\.(entry|func) / { inside = $0; sub(/.*\.(entry|func) +(\([^)]*\) *)?/, "", inside); sub(/\(.*/, "", inside); print inside, "none" }
       /\.f64/ && !/^[ \t]*(\/\/|ld|st|mov|\.reg|\.param|\.local|\.shared)/ { print inside, "f64" }
       /^[ \t]*(@%?[!a-z0-9]+ )?(atom|red)\.[^;]*\.(f16|f16x2|bf16|f32|f64)[ \t]/ { print inside, "atomic" }' "$ptx" | sort -u >"$work/$name.uses"
  meant=$(sed -n 's|^// f64: ||p' "$file" | tr ',' '\n' | tr -d ' ')
  paste -d' ' <(cut -d' ' -f1 "$work/$name.uses" | plain_names) <(cut -d' ' -f2 "$work/$name.uses") | sort -u >"$work/$name.uses.plain"
  while read -r line what; do
    case $what in
      atomic) echo "$file: $line adds floating-point numbers by atomic operations"; faults=1 ;;
      f64) grep -qx "$line" <<<"$meant" || { echo "$file: $line computes in double and no line '// f64:' names it"; faults=1; } ;;
    esac
  done <"$work/$name.uses.plain"
  for line in $meant; do
    grep -qx "$line f64" "$work/$name.uses.plain" || { echo "$file: the line '// f64:' names $line, which does not compute in double"; faults=1; }
  done
  return $faults
}

if [ $# -gt 0 ]; then
  verdict=0
  for file in "$@"; do check_file "$file" || verdict=1; done
  exit $verdict
fi

cd "$root"
printf '%s\0' kernels/*_cuda.cu | xargs -0 -n 1 -P "$(nproc)" "$0" || { echo "check_kernels: see above" >&2; exit 1; }
for planted in tests/kernels/refused/*.cu; do
  expected=$(sed -n 's|^// Refused: ||p' "$planted")
  said=$("$0" "$planted" 2>&1) && { echo "check_kernels: $planted was not refused" >&2; exit 1; }
  grep -qF -- "$expected" <<<"$said" || { printf 'check_kernels: %s was refused for another reason:\n%s\n' "$planted" "$said" >&2; exit 1; }
done
echo "check_kernels: every kernel is as it should be, and every planted fault was refused"
