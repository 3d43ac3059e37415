# Sourced by the scripts that make tables of runs, in the root of the repository. Such a script says what it does in the
# comment at its beginning, and sets `runs` and `folder` before common_option().

# common_option "$@": whether the first argument is one that all these scripts have; --runs and --folder take two words
common_option() {
  case ${1:-} in
    -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    --runs) runs=${2:?"--runs needs a number"} ;;
    --folder) folder=${2:?"--folder needs a path"} ;;
    *) return 1 ;;
  esac
}

# Sets `sotto`, the program.
find_sotto() {
  sotto=${SOTTO:-build/release/tools/sotto}
  [ -x "$sotto" ] || { echo "$(basename "$0" .sh): no program $sotto; build it, or set SOTTO" >&2; exit 64; }
}

# last RUN KEY: a number of the run's newest line of metrics
last() { tail -n 1 "$1/metrics.jsonl" 2>/dev/null | sed -n "s/.*\"$2\":\([-0-9.e+]*\).*/\1/p"; }
planned_steps() { sed -n 's/^steps = //p' "$1/config.toml"; }
finished() { [ -s "$1/model.safetensors" ] && [ "$(last "$1" step)" = "$(planned_steps "$1")" ]; }

# finish RUN ARGUMENT ...: what is left of a run that `sotto ARGUMENT ... --output RUN` begins. RUN.arguments holds these, so
# that a run made with others is not taken for this one.
finish() {
  local run=$1
  shift
  mkdir -p "$(dirname "$run")"
  if [ -e "$run" ] && [ "$*" != "$(cat "$run.arguments" 2>/dev/null)" ]; then
    echo "$(basename "$0" .sh): $run was made with other options; choose another --folder, or remove it" >&2
    exit 64
  fi
  echo "$*" >"$run.arguments"
  ! finished "$run" 2>/dev/null || return 0
  echo "$(basename "$0" .sh): $run" >&2
  if [ -e "$run" ]; then
    "$sotto" resume "$run" >&2
  else
    "$sotto" "$@" --output "$run" >&2
  fi
}

# budget_runs BUDGET ...: for each of them `runs` runs by the command that the caller's command_of BUDGET puts into the array
# `command`, where `none` is no privacy
budget_runs() {
  local budget n
  for budget in "$@"; do
    command_of "$budget"
    for ((n = 1; n <= runs; ++n)); do finish "$folder/$budget-$n" "${command[@]}"; done
  done
}

# budget_table BUDGET ...: of the runs FOLDER/BUDGET-1 and so on, where `none` is no privacy
budget_table() {
  printf '| epsilon | runs | mean accuracy | lowest | highest | mean F1 | steps |\n'
  printf '|---|---|---|---|---|---|---|\n'
  local budget n run
  for budget in "$@"; do
    for ((n = 1; n <= runs; ++n)); do
      run=$folder/$budget-$n
      echo "$(last "$run" accuracy) $(last "$run" f1) $(last "$run" step)"
    done | LC_ALL=C awk -v budget="$budget" '
      NR == 1 { low = high = $1 }
      { sum += $1; f1 += $2; if ($1 < low) low = $1; if ($1 > high) high = $1 }
      END {
        printf "| %s | %d | %.2f %% | %.2f %% | %.2f %% | %.4f | %d |\n", budget == "none" ? "no privacy" : budget, NR,
          100 * sum / NR, 100 * low, 100 * high, f1 / NR, $3
      }'
  done
}
