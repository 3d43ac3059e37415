#!/usr/bin/env bash
# planted_violations.sh CHECK: CHECK must accept a tree that keeps the rules, and refuse it with each of these lines added
# and name the line.
set -euo pipefail
check=$1
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

mkdir -p "$tree"/{privacy,kernels,data,models,optim,distributed,tools,tests} "$tree"/privacy/deep
echo '#include <sotto/privacy/error.h>' | tee "$tree"/{privacy,data,models,optim,distributed,tools}/good.h >/dev/null
echo '#include <sotto/kernels/good.h>' | tee "$tree"/{kernels,optim,distributed,tools}/good.cpp >/dev/null
echo '#include <sotto/optim/good.h>' | tee "$tree"/distributed/better.cpp "$tree"/tools/better.cpp >/dev/null
echo '#include <torch/torch.h>' | tee "$tree"/{models,optim}/torch.cpp >/dev/null
echo '// sotto/optim/good.h is not included here' >"$tree/privacy/comment.h"
echo '#include <sotto/optim/good.h>' >"$tree/tests/free.cpp"
if ! "$check" "$tree"; then
  echo "a tree that keeps the rules was refused"
  exit 1
fi

# refused FILE LINE
refused() {
  local output
  printf '\n%s\n' "$2" >"$tree/$1"
  if output=$("$check" "$tree"); then
    echo "accepted in $1: $2"
    exit 1
  fi
  if [[ $output != *"$1:2:$2"* ]]; then
    printf 'refused without naming %s:2:%s\n%s\n' "$1" "$2" "$output"
    exit 1
  fi
  rm "$tree/$1"
}
refused privacy/bad.h '#include <sotto/kernels/x.h>'
refused privacy/bad.cpp '  #  include "sotto/optim/x.h"'
refused privacy/deep/bad.cpp '#include <sotto/data/x.h>'
refused kernels/bad.cu '#include <sotto/privacy/error.h>'
refused data/bad.cpp '#include <sotto/models/x.h>'
refused models/bad.cpp '#include <sotto/data/x.h>'
refused models/bad.cpp '#include <sotto/kernels/x.h>'
refused optim/bad.cpp '#include <sotto/distributed/x.h>'
refused optim/bad.cpp '#include <sotto/models/x.h>'
refused distributed/bad.cpp '#include <sotto/tools/x.h>'
refused optim/bad.cpp '#include "../data/x.h"'
refused privacy/bad.cpp '#include <ATen/ATen.h>'
refused kernels/bad.h '#include <c10/core/Device.h>'
refused data/bad.h '#include <torch/torch.h>'

if "$check" "$tree/tests" 2>/dev/null; then
  echo "a folder without rooms was accepted"
  exit 1
fi
