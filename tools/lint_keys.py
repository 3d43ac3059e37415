#!/usr/bin/env python3
"""What the verdict of clang-tidy on a source depends on, as one hash: `HASH SOURCE` for each source on the input.

    printf '%s\\n' SOURCE ... | tools/lint_keys.py COMPILE_COMMANDS

That is the source, the headers of this repository that it reads, directly or not, its compile command, the checks, and the
versions of clang-tidy and LibTorch. Headers of packages are not looked at: remove the kept verdicts after an upgrade.
"""

import functools
import hashlib
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(rb'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)


@functools.cache
def read_by(file):
    """`file` and the headers of the repository that it includes by name."""
    found = []
    for match in INCLUDE.finditer(file.read_bytes()):
        name = match[1].decode()
        place = ROOT / name.removeprefix("sotto/") if name.startswith("sotto/") else file.parent / name
        if place.is_file():
            found.append(place.resolve())
    return found


def closure(file):
    seen, rest = {file}, [file]
    while rest:
        for header in read_by(rest.pop()):
            if header not in seen:
                seen.add(header)
                rest.append(header)
    return sorted(seen)


@functools.cache
def content_hash(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


def main():
    commands = {entry["file"]: entry["command"] for entry in json.loads(pathlib.Path(sys.argv[1]).read_text())}
    common = [(ROOT / ".clang-tidy").read_text(), subprocess.check_output(["clang-tidy", "--version"], text=True)]
    for version in sorted(ROOT.glob(".cache/venv/lib/*/site-packages/torch/version.py")):
        common.append(version.read_text())
    for line in sys.stdin:
        source = ROOT / line.strip()
        parts = common + [commands[str(source)].replace(str(ROOT), "")]
        parts += [f"{file.relative_to(ROOT)} {content_hash(file)}" for file in closure(source.resolve())]
        print(hashlib.sha256("\0".join(parts).encode()).hexdigest(), line.strip())


main()
