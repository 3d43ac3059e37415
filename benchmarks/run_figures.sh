# Sourced by the scripts that make tables of runs.

# last RUN KEY: a number of the run's newest line of metrics
last() { tail -n 1 "$1/metrics.jsonl" 2>/dev/null | sed -n "s/.*\"$2\":\([-0-9.e+]*\).*/\1/p"; }
planned_steps() { sed -n 's/^steps = //p' "$1/config.toml"; }
finished() { [ -s "$1/model.safetensors" ] && [ "$(last "$1" step)" = "$(planned_steps "$1")" ]; }
