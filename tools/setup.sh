#!/usr/bin/env bash
# Installs what sotto needs to build, and nothing when all is there: Debian packages (as root or through sudo), LibTorch
# and, where no nvcc 13 is installed, CUDA's compiler, unpacked from their PyPI wheels into a private Python environment
# under .cache/ (1.3 GB and 0.3 GB; no Python is used when sotto runs).
#
#   tools/setup.sh           set up
#   source tools/setup.sh    the same, and leave LibTorch_ROOT, CUDACXX and SOTTO_CACHE set for the caller
#
# Environment: SOTTO_CACHE=DIR   where the environment is kept (default: .cache in the repository)
#              LibTorch_ROOT=DIR use this LibTorch (a folder with include/ and lib/) and install none
#              CUDACXX=FILE      use this nvcc and install none
# A run that was interrupted can be repeated: what is not complete is made again.
set -euo pipefail

sotto_packages=(g++ cmake ninja-build ccache git ca-certificates python3 python3-venv python3-pip
  libcli11-dev libtomlplusplus-dev nlohmann-json3-dev libfmt-dev libspdlog-dev libboost-dev libboost-math-dev libboost-context-dev
  libssl-dev zlib1g-dev libpng-dev libjpeg62-turbo-dev libutf8proc-dev libgmp-dev libmpfr-dev libgtest-dev libgmock-dev librapidcheck-dev
  libbenchmark-dev python3-jsonschema clang clang-format clang-tidy ${sotto_more_packages[@]+"${sotto_more_packages[@]}"})
sotto_wheels=('torch==2.15.0' 'nvidia-cuda-runtime==13.2.*' 'nvidia-cuda-cupti==13.2.*' 'nvidia-cuda-crt==13.2.*')
sotto_nvcc_wheels=('nvidia-cuda-nvcc==13.2.*' 'nvidia-nvvm==13.2.*' 'nvidia-cuda-crt==13.2.*' 'nvidia-cuda-runtime==13.2.*'
  'nvidia-cuda-cccl==13.2.*')

sotto_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export SOTTO_CACHE=${SOTTO_CACHE:-$sotto_root/.cache}
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

setup_say() { printf 'setup: %s\n' "$*"; }
setup_die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# setup_quietly WHAT COMMAND...: runs the command with its output in a log, shown only when it fails
setup_quietly() {
  local what=$1 log=$SOTTO_CACHE/setup.log
  shift
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 30 "$log" >&2
    setup_die "$what failed; the whole log is $log"
  fi
}

setup_debian() {
  local package missing=() as_root=()
  if ! command -v dpkg-query >/dev/null; then
    setup_say "not a Debian system: make sure that the counterparts of these are installed: ${sotto_packages[*]}"
    return
  fi
  for package in "${sotto_packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || setup_die "run this as root, without sudo on the machine: apt-get install ${missing[*]}"
    sudo -v || setup_die "sudo was refused; have an administrator run: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  setup_say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  setup_quietly "apt-get update" "${as_root[@]}" apt-get -q update
  setup_quietly "apt-get install" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 install "${missing[@]}"
}

# The first of these that can make a virtual environment; a python3 in front of the system's may lack that.
setup_python() {
  local candidate
  for candidate in /usr/bin/python3 python3; do
    if command -v "$candidate" >/dev/null && "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  setup_die "no python3 with the venv module; on Debian: apt-get install python3-venv"
}

# setup_pip WHEELS...: installs them into the environment
setup_pip() {
  setup_quietly "pip install" "$SOTTO_CACHE/venv/bin/python" -m pip install --disable-pip-version-check --no-input \
    --progress-bar off --only-binary=:all: --no-deps "$@"
}

# setup_stamped NAME WHEELS...: whether the environment holds them. The stamp is written last and names what was
# installed: without it the wheels are incomplete and installed again.
setup_stamped() {
  local stamp=$SOTTO_CACHE/venv/sotto-$1.stamp
  shift
  [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$*" ]
}
setup_stamp() {
  local stamp=$SOTTO_CACHE/venv/sotto-$1.stamp
  shift
  printf '%s\n' "$*" >"$stamp.part"
  mv "$stamp.part" "$stamp"
}

setup_venv() {
  local python
  python=$(setup_python)
  setup_quietly "making the Python environment" "$python" -m venv --clear "$SOTTO_CACHE/venv"
}

setup_libtorch() {
  local venv=$SOTTO_CACHE/venv
  if ! setup_stamped libtorch "${sotto_wheels[@]}"; then
    setup_say "installing LibTorch (${sotto_wheels[*]}) into $venv"
    setup_venv
    setup_pip "${sotto_wheels[@]}"
    setup_stamp libtorch "${sotto_wheels[@]}"
  fi
  for LibTorch_ROOT in "$venv"/lib/python3*/site-packages/torch; do
    [ -e "$LibTorch_ROOT/lib/libtorch_cpu.so" ] || setup_die "$venv holds no LibTorch; remove that folder and try again"
  done
}

# Finds nvcc 13 or newer, or installs one, and leaves it in CUDACXX; nothing but the preset cuda needs it.
setup_nvcc() {
  local candidate release venv=$SOTTO_CACHE/venv
  if [ -n "${CUDACXX:-}" ]; then
    [ -x "$(command -v "$CUDACXX")" ] || setup_die "CUDACXX=$CUDACXX is no program"
    return
  fi
  for candidate in nvcc "${CUDA_PATH:-/usr/local/cuda}/bin/nvcc" /usr/local/cuda/bin/nvcc; do
    CUDACXX=$(command -v "$candidate") || continue
    release=$("$CUDACXX" --version 2>/dev/null | sed -n 's/.*release \([0-9]*\).*/\1/p') || true
    [ "${release:-0}" -ge 13 ] && return
  done
  if ! setup_stamped nvcc "${sotto_nvcc_wheels[@]}"; then
    setup_say "installing CUDA's compiler (${sotto_nvcc_wheels[*]}) into $venv"
    [ -x "$venv/bin/python" ] || setup_venv
    if ! (setup_pip --force-reinstall "${sotto_nvcc_wheels[@]}"); then
      setup_say "without CUDA's compiler: everything builds but the preset cuda"
      unset CUDACXX
      return
    fi
    setup_stamp nvcc "${sotto_nvcc_wheels[@]}"
  fi
  for CUDACXX in "$venv"/lib/python3*/site-packages/nvidia/cu13/bin/nvcc; do
    [ -x "$CUDACXX" ] || setup_die "$venv holds no nvcc; remove that folder and try again"
  done
}

setup_all() {
  mkdir -p "$SOTTO_CACHE" || setup_die "cannot make $SOTTO_CACHE"
  # Two set-ups at the same time would spoil each other's work; the lock ends with the subshell that holds it.
  exec 9>"$SOTTO_CACHE/setup.lock"
  if command -v flock >/dev/null && ! flock -n 9; then
    setup_say "another set-up is running; waiting for it"
    flock 9
  fi
  setup_debian
  if [ -n "${LibTorch_ROOT:-}" ]; then
    [ -e "$LibTorch_ROOT/lib/libtorch_cpu.so" ] || setup_die "LibTorch_ROOT=$LibTorch_ROOT holds no lib/libtorch_cpu.so"
  else
    setup_libtorch
  fi
  setup_nvcc
  export LibTorch_ROOT
  if [ -n "${CUDACXX:-}" ]; then export CUDACXX; fi
  exec 9>&-
}

case ${1:-} in
  -h | --help)
    if [ "${BASH_SOURCE[0]}" = "$0" ]; then
      sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"
      exit 0
    fi
    ;;
esac
setup_all
if [ "${BASH_SOURCE[0]}" = "$0" ]; then setup_say "ready; LibTorch is in $LibTorch_ROOT, CUDA's compiler is ${CUDACXX:-not there}"; fi
