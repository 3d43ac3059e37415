#!/usr/bin/env python3
"""Rewrites an old PyTorch file of weights (the layout before version 1.6: pickles, then raw storages) as safetensors.

    tools/weights_to_safetensors.py OLD.pth NEW.safetensors

Python's standard library alone. A pickle names functions to call; the four names below are answered by functions of
this file and every other name is refused, so that nothing of the file is executed. Tensors keep their names, order and
bytes. Exit code 1, and one sentence, for anything else than an ordered dictionary of dense float32 and int64 tensors;
then no file is written.
"""

import collections
import json
import os
import pickle
import struct
import sys

MAGIC, LAYOUT = 0x1950A86A20F9469CFC6C, 1001  # the first two pickles of such a file

Type = collections.namedtuple("Type", "name size")
Tensor = collections.namedtuple("Tensor", "storage offset shape strides")


class Refused(Exception):
    pass


class Storage:
    def __init__(self, type_, count):
        self.type, self.count, self.bytes = type_, count, None


class Weights(pickle.Unpickler):
    NAMES = {
        ("collections", "OrderedDict"): collections.OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): lambda *of: Tensor(of[0], of[1], list(of[2]), list(of[3])),
        ("torch", "FloatStorage"): Type("F32", 4),
        ("torch", "LongStorage"): Type("I64", 8),
    }

    def __init__(self, file, storages):
        super().__init__(file)
        self.storages = storages

    def find_class(self, module, name):
        if (module, name) not in self.NAMES:
            raise Refused(f"the file asks for {module}.{name}")
        return self.NAMES[module, name]

    def persistent_load(self, reference):
        kind, type_, key, _, count, part = reference
        if kind != "storage" or not isinstance(type_, Type) or part is not None:
            raise Refused("a storage of another kind")
        return self.storages.setdefault(key, Storage(type_, count))


def read(file):
    """name -> Tensor, whose storages hold their bytes."""
    storages = {}
    unpickle = lambda: Weights(file, storages).load()
    if unpickle() != MAGIC or unpickle() != LAYOUT:
        raise Refused("not the old layout")
    unpickle()  # sizes of integers on the machine that wrote it
    tensors = unpickle()
    for key in unpickle():
        storage = storages[key]
        (count,) = struct.unpack("<q", file.read(8))
        storage.bytes = file.read(count * storage.type.size)
        if count != storage.count or len(storage.bytes) != count * storage.type.size:
            raise Refused(f"storage {key} has another length than its tensors say")
    if file.read(1):
        raise Refused("bytes are left over")
    return tensors


def content(name, tensor):
    """The bytes of a tensor whose elements stand in row-major order."""
    if not isinstance(name, str) or not isinstance(tensor, Tensor) or tensor.storage.bytes is None:
        raise Refused(f"{name!r} is no tensor")
    count = 1
    for size, stride in zip(reversed(tensor.shape), reversed(tensor.strides)):
        if size != 1 and stride != count:
            raise Refused(f"{name} is not stored row by row")
        count *= size
    begin, end = (at * tensor.storage.type.size for at in (tensor.offset, tensor.offset + count))
    if not 0 <= begin <= end <= len(tensor.storage.bytes):
        raise Refused(f"{name} reaches beyond its storage")
    return tensor.storage.bytes[begin:end]


def write(path, tensors):
    header, place = {}, 0
    parts = [content(name, tensor) for name, tensor in tensors.items()]
    for (name, tensor), part in zip(tensors.items(), parts):
        offsets = [place, place + len(part)]
        header[name] = {"dtype": tensor.storage.type.name, "shape": tensor.shape, "data_offsets": offsets}
        place += len(part)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path + ".part", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))
    os.replace(path + ".part", path)


def main():
    old, new = sys.argv[1:]
    try:
        with open(old, "rb") as file:
            write(new, read(file))
    except Refused as refused:
        sys.exit(f"[weights_to_safetensors] {old} is refused: {refused}")
    except Exception as error:  # a damaged pickle raises anything
        sys.exit(f"[weights_to_safetensors] {old} cannot be read: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
