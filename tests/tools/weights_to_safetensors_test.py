"""tools/weights_to_safetensors.py on files made here: what it writes, and that nothing of a file is executed.

    weights_to_safetensors_test.py PROGRAM
"""

import collections
import io
import json
import os
import pathlib
import pickle
import struct
import subprocess
import sys
import tempfile
import types
import unittest

PROGRAM = sys.argv.pop()

# Stand-ins for the names that a pickle of PyTorch refers to: a pickle holds the names alone.
torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
sys.modules["torch"], sys.modules["torch._utils"] = torch, utils
for name in ("FloatStorage", "LongStorage", "DoubleStorage"):
    setattr(torch, name, type(name, (), {"__module__": "torch", "__qualname__": name}))


def _rebuild_tensor_v2(*_):
    pass


_rebuild_tensor_v2.__module__ = "torch._utils"
utils._rebuild_tensor_v2 = _rebuild_tensor_v2


class Storage:
    def __init__(self, kind, key, count):
        self.reference = ("storage", getattr(torch, kind), key, "cpu", count, None)


class Tensor:
    def __init__(self, storage, offset, shape, strides):
        self.parts = (storage, offset, shape, strides, False, collections.OrderedDict())

    def __reduce__(self):
        return _rebuild_tensor_v2, self.parts


class Runs:
    """Unpickled by the ordinary reader, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


class Writer(pickle.Pickler):
    def persistent_id(self, thing):
        return thing.reference if isinstance(thing, Storage) else None


def old_file(tensors, storages, magic=0x1950A86A20F9469CFC6C):
    """storages: key -> (element count that is written, bytes)."""
    file = io.BytesIO()
    for thing in (magic, 1001, {"little_endian": True}, tensors, list(storages)):
        Writer(file, 2).dump(thing)
    for count, content in storages.values():
        file.write(struct.pack("<q", count) + content)
    return file.getvalue()


FLOATS = struct.pack("<7f", 9, 1, 2, 3, 4, 5, 6)


def sound():
    values = Storage("FloatStorage", "a", 7)
    tensors = collections.OrderedDict()
    tensors["z.weight"] = Tensor(values, 1, (2, 3), (3, 1))
    tensors["bias"] = Tensor(values, 0, (1, 2), (50, 1))
    tensors["counted"] = Tensor(Storage("LongStorage", "b", 1), 0, (), ())
    return tensors, {"a": (7, FLOATS), "b": (1, struct.pack("<q", -4))}


class WeightsToSafetensors(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)

    def convert(self, content):
        (self.path / "old.pth").write_bytes(content)
        return subprocess.run(
            [sys.executable, PROGRAM, self.path / "old.pth", self.path / "new"], capture_output=True, text=True
        )

    def refusal(self, content):
        outcome = self.convert(content)
        self.assertEqual(outcome.returncode, 1, outcome)
        self.assertEqual(sorted(os.listdir(self.path)), ["old.pth"])
        return outcome.stderr

    def test_tensors_keep_their_names_order_and_bytes(self):
        outcome = self.convert(old_file(*sound()))
        self.assertEqual(outcome.returncode, 0, outcome)
        content = (self.path / "new").read_bytes()
        (length,) = struct.unpack("<Q", content[:8])
        self.assertEqual(length % 8, 0)
        header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
        self.assertEqual(list(header), ["z.weight", "bias", "counted"])
        self.assertEqual(header["z.weight"], {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]})
        self.assertEqual(header["bias"], {"dtype": "F32", "shape": [1, 2], "data_offsets": [24, 32]})
        self.assertEqual(header["counted"], {"dtype": "I64", "shape": [], "data_offsets": [32, 40]})
        self.assertEqual(data, struct.pack("<6f", 1, 2, 3, 4, 5, 6) + struct.pack("<2f", 9, 1) + struct.pack("<q", -4))

    def test_nothing_of_the_file_is_executed(self):
        made = self.path / "made"
        pickle.loads(pickle.dumps(Runs(made)))
        self.assertTrue(made.is_dir())
        made.rmdir()
        tensors, storages = sound()
        tensors["more"] = Runs(made)
        self.assertIn("asks for posix.mkdir", self.refusal(old_file(tensors, storages)))
        self.assertIn("asks for posix.mkdir", self.refusal(old_file(*sound(), magic=Runs(made))))

    def test_other_types_are_refused(self):
        tensors, storages = sound()
        tensors["more"] = Tensor(Storage("DoubleStorage", "c", 0), 0, (0,), (1,))
        self.assertIn("asks for torch.DoubleStorage", self.refusal(old_file(tensors, storages)))
        tensors["more"] = 3
        self.assertIn("'more' is no tensor", self.refusal(old_file(tensors, storages)))

    def test_other_orders_and_places_are_refused(self):
        for offset, shape, strides, words in (
            (1, (2, 3), (1, 2), "not stored row by row"),
            (0, (2, 3), (0, 1), "not stored row by row"),
            (2, (2, 3), (3, 1), "reaches beyond its storage"),
            (-1, (2,), (1,), "reaches beyond its storage"),
            (0, (-2,), (1,), "reaches beyond its storage"),
        ):
            tensors, storages = sound()
            tensors["bias"] = Tensor(tensors["bias"].parts[0], offset, shape, strides)
            self.assertIn(words, self.refusal(old_file(tensors, storages)), (offset, shape, strides))

    def test_damaged_files_are_refused(self):
        whole = old_file(*sound())
        self.assertIn("bytes are left over", self.refusal(whole + b"x"))
        for length in (0, 1, 20, len(whole) // 2, len(whole) - 1):
            self.assertIn("[weights_to_safetensors]", self.refusal(whole[:length]))
        tensors, storages = sound()
        storages["a"] = (6, FLOATS[:24])
        self.assertIn("another length", self.refusal(old_file(tensors, storages)))
        self.assertIn("not the old layout", self.refusal(old_file(*sound(), magic=1)))
        self.assertIn("[weights_to_safetensors]", self.refusal(b"PK\x03\x04" + bytes(60)))


if __name__ == "__main__":
    unittest.main()
