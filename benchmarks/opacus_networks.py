"""The networks of `sotto bench step` (models/) in Python, for compare_opacus.py."""
from torch import nn
from torch.nn import functional

VOCABULARY = 30522


class Block(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.added, self.stride = outputs - inputs, 2 if outputs > inputs else 1
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=self.stride, padding=1, bias=False)
        self.norm1 = nn.GroupNorm(outputs // 4, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.GroupNorm(outputs // 4, outputs)

    def forward(self, x):
        shortcut = x
        if self.added:
            half = self.added // 2
            shortcut = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, half, self.added - half))
        y = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(y)) + shortcut)


class ResNet20(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.norm = nn.GroupNorm(4, 16)
        sizes = [16] * 4 + [32] * 3 + [64] * 3
        self.blocks = nn.Sequential(*(Block(*pair) for pair in zip(sizes, sizes[1:])))
        self.linear = nn.Linear(64, 10)

    def forward(self, pictures):
        x = functional.relu(self.norm(self.conv(pictures)))
        return self.linear(self.blocks(x).mean((2, 3)))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(384, 12, 1536, dropout=0.0, batch_first=True)
        self.embedding = nn.Embedding(VOCABULARY, 384)
        self.encoder = nn.TransformerEncoder(layer, 6, enable_nested_tensor=False)
        self.head = nn.Linear(384, 2)

    def forward(self, tokens):
        return self.head(self.encoder(self.embedding(tokens)).mean(1))


class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10000, 100)
        self.lstm = nn.LSTM(100, 100, batch_first=True)
        self.head = nn.Linear(100, 2)

    def forward(self, tokens):
        return self.head(self.lstm(self.embedding(tokens))[0].mean(1))


class MeanOfWords(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, 128)
        self.head = nn.Linear(128, 2)

    def forward(self, tokens):
        return self.head(self.embedding(tokens).mean(1))


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(),
                         nn.Linear(1024, 10))


def cnn():
    return nn.Sequential(nn.Conv2d(1, 16, 8, stride=2, padding=2), nn.Tanh(), nn.MaxPool2d(2, 1),
                         nn.Conv2d(16, 32, 4, stride=2), nn.Tanh(), nn.MaxPool2d(2, 1), nn.Flatten(),
                         nn.Linear(512, 32), nn.Tanh(), nn.Linear(32, 10))


NETWORKS = {"mlp": mlp, "cnn": cnn, "resnet20": ResNet20, "encoder": Encoder, "lstm": Lstm, "embedding-bag": MeanOfWords}


def make_network(name, private):
    """One of NETWORKS; with the layers that Opacus has in the place of attention and LSTM when `private`."""
    network = NETWORKS[name]()
    if private:
        from opacus.validators import ModuleValidator

        network = ModuleValidator.fix(network)
    return network
