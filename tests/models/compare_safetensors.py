#!/usr/bin/env python3
"""Compares the reader and writer of safetensors files with the Python package `safetensors`, both ways.

Never a dependency: run it in an environment that is thrown away afterwards.

    cmake --build build/release --target copy_safetensors
    python3 -m venv ENVIRONMENT && ENVIRONMENT/bin/pip install torch numpy safetensors==0.8.0
    ENVIRONMENT/bin/python tests/models/compare_safetensors.py build/release/tests/models/copy_safetensors [FILE ...]

Files of the package's, of every type, and those named as FILE, are read by us (read and mapped) and written again; the
package must find the same in ours, bit for bit. Damaged files that the package refuses must be refused by us too.
"""
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

import safetensors
import torch
from safetensors import safe_open
from safetensors.torch import save_file

program, given = sys.argv[1], sys.argv[2:]
TYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.uint8]
draw = random.Random(1)
torch.manual_seed(1)


def content(path):
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}


def same(a, b):
    def bits(tensor):
        return tensor.contiguous().view(-1).view(torch.uint8) if tensor.numel() else tensor.flatten()
    return (a[1] == b[1] and a[0].keys() == b[0].keys() and
            all(x.dtype == b[0][n].dtype and x.shape == b[0][n].shape and torch.equal(bits(x), bits(b[0][n]))
                for n, x in a[0].items()))


def copy(how, source, target):
    if os.path.exists(target):
        os.remove(target)
    return subprocess.run([program, how, source, target], capture_output=True, text=True, errors="replace")


def drawn(number):
    tensors = {}
    for i in range(draw.randint(0, 12)):
        shape = [draw.randint(0, 6) for _ in range(draw.randint(0, 4))]
        count = int(torch.tensor(shape).prod()) if shape else 1
        dtype = draw.choice(TYPES)
        raw = torch.randint(0, 256, (max(count, 1) * 8,), dtype=torch.uint8)  # any bits, infinities and NaN among them
        name = "".join(draw.choice("abc.ö中\"\\/ \t😀") for _ in range(draw.randint(1, 9))) + str(i)
        tensors[name] = raw.view(dtype)[:count].clone().reshape(shape)
    metadata = {"k%d" % i: "".join(draw.choice("vä\n\"") for _ in range(4)) for i in range(draw.randint(0, 3))}
    return tensors, metadata or None


def damaged(scratch):
    """Files that a flip of bits, a cut or an edit of the header may have spoilt."""
    tensors, metadata = {"a": torch.randn(2, 3), "b": torch.arange(4), "c": torch.ones(5, dtype=torch.uint8)}, {"k": "v"}
    path = os.path.join(scratch, "whole")
    save_file(tensors, path, metadata)
    whole = open(path, "rb").read()
    length = struct.unpack("<Q", whole[:8])[0]
    header, data = json.loads(whole[8:8 + length]), whole[8 + length:]
    for i in range(3000):
        changed = bytearray(whole)
        for _ in range(draw.randint(1, 3)):
            changed[draw.randrange(8 + length)] ^= 1 << draw.randrange(8)
        yield bytes(changed)
    for end in range(len(whole)):
        yield whole[:end]
    yield whole + b"\0"
    for name in "abc":
        for begin in range(0, len(data) + 9, 4):
            for end in (begin, begin + 5, begin + 24, begin + 32, 2**64 - 1, 2**64):
                other = json.loads(json.dumps(header))
                other[name]["data_offsets"] = [begin, end]
                text = json.dumps(other).encode()
                yield struct.pack("<Q", len(text)) + text + data
        for key, value in (("dtype", "F33"), ("shape", [-1]), ("shape", [2**62, 4]), ("shape", None), ("dtype", 3)):
            other = json.loads(json.dumps(header))
            other[name][key] = value
            text = json.dumps(other).encode()
            yield struct.pack("<Q", len(text)) + text + data


print("safetensors", safetensors.__version__, "torch", torch.__version__)
wrong = files = refused = stricter = accepted = 0
words = {}
with tempfile.TemporaryDirectory() as scratch:
    source, target, again = (os.path.join(scratch, name) for name in ("source", "target", "again"))
    for number in range(200 + len(given)):
        if number < 200:
            tensors, metadata = drawn(number)
            save_file(tensors, source, metadata)
            path = source
        else:
            path = given[number - 200]
        files += 1
        for how in ("read", "map"):
            run = copy(how, path, target)
            if run.returncode != 0 or not same(content(path), content(target)):
                wrong += 1
                print("differs:", path, how, run.stderr.strip())
                continue
            copy(how, target, again)
            wrong += open(target, "rb").read() != open(again, "rb").read()
    print("%d files read, mapped and written: %d wrong" % (files, wrong))
    for spoilt in damaged(scratch):
        with open(source, "wb") as file:
            file.write(spoilt)
        try:
            theirs = content(source)
        except Exception:
            theirs = None
        run = copy(draw.choice(("read", "map")), source, target)
        if run.returncode != 0:
            if theirs is None:
                refused += 1
            else:
                stricter += 1
                words[run.stderr.strip().split(" (in")[0]] = words.get(run.stderr.strip().split(" (in")[0], 0) + 1
        elif theirs is None:
            wrong += 1
            print("accepted by us alone:", spoilt[:300])
        else:
            accepted += 1
            wrong += not same(theirs, content(target))
    print("%d damaged files refused by both, %d by us alone, %d read alike by both; %d wrong"
          % (refused, stricter, accepted, wrong))
    for text, count in sorted(words.items(), key=lambda item: -item[1])[:12]:
        print("   ", count, ascii(text)[:150])
sys.exit(1 if wrong else 0)
