#!/usr/bin/env bash
# exports.sh LIBRARY HEADER: the library shows exactly the functions that the header declares.
set -euo pipefail
shown=$(nm -D --defined-only "$1" | sed 's/^[^ ]* [^ ]* //' | sort)
declared=$(grep -oE '\bsotto_privacy_[a-z_]+\(' "$2" | tr -d '(' | sort -u)
diff <(echo "$declared") <(echo "$shown") || { echo "exports.sh: < declared, > shown"; exit 1; }
