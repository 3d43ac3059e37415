#!/usr/bin/env bash
# no_training_libraries.sh FILE...: none of these programs and libraries loads LibTorch or CUDA, directly or through others.
set -euo pipefail
for file; do
  loaded=$(ldd "$file")
  [[ $loaded == *libc.so* ]] || { printf 'ldd says nothing of %s:\n%s\n' "$file" "$loaded"; exit 1; }
  # Names alone: the folder of the checkout may have any.
  if awk '{ sub(".*/", "", $1); print $1 }' <<<"$loaded" | grep -iE 'torch|c10|cuda|cublas|nvidia'; then
    echo "no_training_libraries.sh: loaded by $file"
    exit 1
  fi
done
