"""Exports the TorchScript files under tests/models/exported. The tests read the files; nothing runs this script.

    python3 -m venv /tmp/export && /tmp/export/bin/pip install torch==2.15.0 numpy
    /tmp/export/bin/python tests/models/export_models.py tests/models/exported
"""
import sys
import zipfile
from pathlib import Path
from typing import Tuple

import torch
from torch import nn
from torch.nn import functional as F


class Transformer(nn.Module):
    """tokens [B, T] -> a distribution over the vocabulary at every position; the output layer is the embedding."""

    def __init__(self, vocabulary=50, width=16, heads=2, length=12):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.position = nn.Parameter(0.1 * torch.randn(length, width))
        layer = nn.TransformerEncoderLayer(width, heads, 32, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.output = nn.Linear(width, vocabulary, bias=False)
        self.output.weight = self.embedding.weight

    def forward(self, tokens):
        return self.output(self.encoder(self.embedding(tokens) + self.position))


class Tagger(nn.Module):
    """tokens [B, T] -> scores of the tags at every position."""

    def __init__(self, vocabulary=50, width=8, hidden=10, tags=5):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.lstm = nn.LSTM(width, hidden, batch_first=True, bidirectional=True)
        self.output = nn.Linear(2 * hidden, tags)

    def forward(self, tokens):
        hidden, _ = self.lstm(self.embedding(tokens))
        return self.output(hidden)


class Block(nn.Module):
    """The basic block of torchvision's ResNet with GroupNorm for its norm_layer."""

    def __init__(self, inputs, planes, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, planes, 3, stride, 1, bias=False)
        self.norm1 = nn.GroupNorm(4, planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.norm2 = nn.GroupNorm(4, planes)
        self.downsample = nn.Identity()
        if stride != 1 or inputs != planes:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, planes, 1, stride, bias=False), nn.GroupNorm(4, planes))

    def forward(self, x):
        out = self.norm2(self.conv2(self.relu(self.norm1(self.conv1(x)))))
        out += self.downsample(x)
        return self.relu(out)


class ResNet(nn.Module):
    """pictures [B, 1, H, W] -> scores of 10 classes."""

    def __init__(self, width=8, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 7, 2, 3, bias=False)
        self.norm1 = nn.GroupNorm(4, width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(Block(width, width, 1), Block(width, width, 1))
        self.layer2 = nn.Sequential(Block(width, 2 * width, 2), Block(2 * width, 2 * width, 1))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(2 * width, classes)

    def forward(self, x):
        x = self.maxpool(self.relu(self.norm1(self.conv1(x))))
        x = self.layer2(self.layer1(x))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class Parts(nn.Module):
    """Everything that loading must keep apart: a frozen layer, a buffer, dropout, a tensor attribute, a constant."""

    def __init__(self):
        super().__init__()
        self.frozen = nn.Linear(4, 4).requires_grad_(False)
        self.register_buffer("shift", torch.tensor([0.5, -0.5, 0.25, 0.0]))
        self.scale = torch.full((4,), 2.0)
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(4, 3)

    def forward(self, x):
        x = torch.flatten(x, 1)[:, :4]
        x = torch.tanh(self.frozen(x) * self.scale + self.shift)
        if self.training:
            x = self.dropout(x)
        return self.output(x)


class BatchNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(1)
        self.output = nn.Linear(784, 10)

    def forward(self, x):
        return self.output(torch.flatten(self.norm(x), 1))


class Counter(nn.Module):
    """Remembers how often it ran, in a number that no operator sees."""

    def __init__(self):
        super().__init__()
        self.calls = 0
        self.output = nn.Linear(784, 10)

    def forward(self, x):
        self.calls += 1
        return self.output(torch.flatten(x, 1)) * (1.0 + 0.01 * self.calls)


class Lister(nn.Module):
    """Turns records into numbers behind the dispatcher's back."""

    def __init__(self):
        super().__init__()
        self.output = nn.Linear(784, 10)

    def forward(self, x):
        flat = torch.flatten(x, 1)
        first = torch.jit.annotate(list[float], flat[0].tolist())
        return self.output(flat) + first[0]


class Printer(nn.Module):
    def __init__(self):
        super().__init__()
        self.output = nn.Linear(784, 10)

    def forward(self, x):
        print(x.sum())
        return self.output(torch.flatten(x, 1))


class Forker(nn.Module):
    def __init__(self):
        super().__init__()
        self.output = nn.Linear(784, 10)

    def forward(self, x):
        future = torch.jit.fork(torch.flatten, x, 1)
        return self.output(torch.jit.wait(future))


class Branch(nn.Module):
    """Another path for the whole batch when one record is bright: a branch on the contents of records."""

    def __init__(self):
        super().__init__()
        self.output = nn.Linear(784, 10)

    def forward(self, x):
        flat = torch.flatten(x, 1)
        if bool(flat.max() > 0.5):
            flat = flat * 2.0
        return self.output(flat)


class Loop(nn.Module):
    """Control flow that does not depend on records."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(16, 16) for _ in range(3)])
        self.output = nn.Linear(16, 10)

    def forward(self, x):
        x = torch.flatten(x, 1)[:, :16]
        for _ in range(2):
            for layer in self.layers:
                x = torch.tanh(layer(x)) + x
        if x.dim() == 2 and self.training:
            x = x.relu()
        return self.output(x)


class Frozen(nn.Module):
    def __init__(self):
        super().__init__()
        self.output = nn.Linear(784, 10).requires_grad_(False)

    def forward(self, x):
        return self.output(torch.flatten(x, 1))


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.output = nn.Linear(784, 10)

    def forward(self, x, y):
        return self.output(torch.flatten(x + y, 1))


class Hooked(nn.Module):
    """forward() is not all that Python runs."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 3)

    def forward(self, x):
        return self.fc(x)


def hooked():
    def triple(self, input: Tuple[torch.Tensor], output: torch.Tensor):
        return output * 3

    model = Hooked()
    model.register_forward_hook(triple)
    return model


def nest(source, target, depth=5000):
    """The file with an expression of its code in so many brackets."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename.endswith(".py"):
                content = content.replace(b"return ", b"return " + b"(" * depth, 1).rstrip() + b")" * depth + b"\n"
            new.writestr(entry.filename, content)


def main(folder):
    torch.manual_seed(0)
    for name, model in {"transformer": Transformer(), "tagger": Tagger(), "resnet": ResNet(), "parts": Parts(),
                        "batch_norm": BatchNorm(), "loop": Loop(), "branch": Branch(), "frozen": Frozen(),
                        "counter": Counter(), "lister": Lister(), "printer": Printer(), "forker": Forker(),
                        "two": Two(), "hooked": hooked()}.items():
        torch.jit.script(model).save(str(folder / (name + ".ts")))
    plain = folder / "plain.ts"
    torch.jit.script(Hooked()).save(str(plain))
    nest(plain, folder / "nested.ts")
    plain.unlink()
    traced = torch.jit.trace(Parts().eval(), torch.randn(2, 1, 2, 2))
    traced.save(str(folder / "traced.ts"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
