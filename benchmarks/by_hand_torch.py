"""PyTorch by hand: nn.Module, fused Adam, data on the device once, batches by index."""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (its customary name)

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def _trainer(row, net, loss_of, optimizer):
    x, y = (torch.from_numpy(a).to(DEVICE) for a in row.data())
    y = y.long() if y.dtype == torch.int32 else y
    net.train()

    def work():
        for _ in range(row.epochs):
            order = torch.randperm(len(x), device=DEVICE)
            total = torch.zeros((), device=DEVICE)
            for start in range(0, len(x), row.batch):
                rows = order[start : start + row.batch]
                optimizer.zero_grad(set_to_none=True)
                loss = loss_of(net(x[rows]), y[rows])
                loss.backward()
                optimizer.step()
                total += loss.detach()
            total.item()
        return row.epochs * row.steps

    return work


def _adam(row, net):
    net.to(DEVICE)
    return _trainer(row, net, F.cross_entropy, torch.optim.Adam(net.parameters(), fused=True))


def xor(row):
    net = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1), nn.Sigmoid()).to(DEVICE)
    sgd = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, nesterov=True, fused=True)
    return _trainer(row, net, F.mse_loss, sgd)


def _mlp():
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def mlp(row):
    return _adam(row, _mlp())


def mnist_mlp(row):
    return _adam(
        row,
        nn.Sequential(
            nn.Linear(784, 512),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(512, 512),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(512, 10),
        ),
    )


def cnn(row):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(1, 32, 3),
                nn.ReLU(),
                nn.Conv2d(32, 64, 3),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Flatten(),
                nn.Linear(64 * 12 * 12, 128),
                nn.ReLU(),
                nn.Linear(128, 10),
            )

        def forward(self, x):
            return self.body(x.permute(0, 3, 1, 2))

    return _adam(row, Net())


def lstm(row):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.lstm, self.out = (
                nn.Embedding(2000, 64),
                nn.LSTM(64, 128, batch_first=True),
                nn.Linear(128, 2),
            )

        def forward(self, x):
            return self.out(self.lstm(self.table(x))[0][:, -1])

    return _adam(row, Net())


def attention(row):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv, self.proj = nn.Linear(128, 384), nn.Linear(128, 128)
            self.norm1, self.norm2 = nn.LayerNorm(128), nn.LayerNorm(128)
            self.up, self.down, self.out = nn.Linear(128, 512), nn.Linear(512, 128), nn.Linear(128, 10)

        def forward(self, x):
            q, k, v = (t.unflatten(-1, (4, 32)).transpose(1, 2) for t in self.qkv(x).chunk(3, -1))
            a = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
            y = self.norm1(x + self.proj(a))
            y = self.norm2(y + self.down(F.relu(self.up(y))))
            return self.out(y.mean(1))

    return _adam(row, Net())


def predict_one(row):
    x = torch.from_numpy(row.data()[0]).to(DEVICE)
    net = _mlp().to(DEVICE).eval()

    def work():
        with torch.inference_mode():
            for _ in range(row.epochs):
                torch.softmax(net(x), -1).cpu().numpy()
        return row.epochs

    return work
