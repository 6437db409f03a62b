#!/usr/bin/env python3
"""layers.py FILE: writes tests/e2e/layers.safetensors, the reference of layers.tess, by PyTorch (needs torch and
safetensors; the tests need neither)."""
import sys
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

torch.manual_seed(7)
BATCH, SIDE, WIDTH, TOKENS, RATE, LR, STEPS = 4, 9, 12, 11, 0.3, 0.01, 2


def quarters(*shape):
    return torch.floor(8 * torch.rand(shape) - 4) / 4


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.image = torch.nn.Parameter(quarters(4, 4, SIDE, SIDE + 1))
        self.table = torch.nn.Parameter(quarters(5, 7, 9))
        self.stem = torch.nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.depth = torch.nn.Conv2d(8, 8, (3, 5), padding=(1, 2), groups=8, bias=False)
        self.grouped = torch.nn.Conv2d(8, WIDTH, (2, 3), stride=(1, 2), groups=4)
        self.norm = torch.nn.GroupNorm(4, WIDTH)
        self.words = torch.nn.Embedding(TOKENS, WIDTH)
        with torch.no_grad():
            self.norm.weight.normal_()
            self.norm.bias.normal_()

    def forward(self, x, word):
        a = F.gelu(self.norm(self.grouped(self.depth(F.gelu(self.stem(x))))))
        return F.avg_pool2d(a, 2, padding=1, stride=2).mean((2, 3)) + self.words(word).mean(1)

    def pooled(self):
        image = self.image
        return (F.relu(image),
                F.max_pool2d(image, 2),
                F.max_pool2d(image, 3, stride=2, padding=1),
                F.max_pool2d(F.relu(image), (3, 2), stride=(1, 2), padding=(1, 0)),
                image.amax((2, 3)),
                F.avg_pool2d(image, 3, stride=2, padding=1),
                F.avg_pool2d(image, (2, 3), padding=(1, 1), count_include_pad=False),
                F.adaptive_avg_pool2d(image, 1).flatten(1),
                image[1:4:2, :, ::3, 1::2])

    def ordered(self):
        table = self.table
        return (table.cumsum(-1),
                table.cumsum(0),
                table.sort(dim=-1, stable=True)[0],
                table.sort(dim=1, stable=True, descending=True)[0],
                table.sort(dim=0, stable=True, descending=True)[0][:2],
                torch.einsum("bii->bi", table[:, :5, :5]),
                torch.einsum("bid,bid->bdi", table[:, :5], table[:, 5:6]))


def weighed(x):
    return ((torch.arange(x.numel()) % 7 + 1) / 8 * (x.flatten() + 3) ** 2).sum()


def main():
    net = Net()
    tensors = {"param." + k: v.detach().clone() for k, v in net.named_parameters()}
    losses = []
    optimizer = torch.optim.SGD(net.parameters(), lr=LR)
    for step in range(STEPS):
        x, number = torch.randn(BATCH, 3, 13, 12), torch.randn(BATCH, 6)
        mask = torch.floor(8 * torch.rand(BATCH, WIDTH)) / 8
        odd = torch.tensor([-torch.inf, torch.inf, torch.nan, 0, 1])[torch.randint(0, 5, (BATCH, 15))]
        word = torch.floor(4 * number.abs()).int().clamp(0, TOKENS - 1)
        features = net(x, word)
        dropped = torch.where(mask.abs() < 1 - RATE, features * (1 / (1 - RATE)), 0.0)
        pooled, ordered = (sum(map(weighed, f())) for f in (net.pooled, net.ordered))
        hot = F.one_hot(word.long(), TOKENS).float()
        loss = weighed(dropped) + pooled + ordered + hot.sum() / 1000
        optimizer.zero_grad()
        loss.backward()
        place = torch.argsort(torch.argsort(mask, descending=True, stable=True))
        seen = {"x": x, "number": number, "mask": mask, "features": features,
                "largest": mask.argmax(-1, keepdim=True).int(), "smallest": mask.argmin(0, keepdim=True).int(),
                "odd": odd, "odd_place": torch.argsort(torch.argsort(odd, stable=True)).int(),
                "odd_origin": torch.argsort(odd, descending=True, stable=True).int(),
                "odd_largest": odd.argmax(-1, keepdim=True).int(), "odd_smallest": odd.argmin(-1, keepdim=True).int(),
                "place": place.int(), "origin": net.table.argsort(stable=True).int(), "hot": hot}
        tensors |= {f"step{step}.{k}": v.detach().clone().contiguous() for k, v in seen.items()}
        if step == 0:
            tensors |= {"grad." + k: v.grad.clone() for k, v in net.named_parameters()}
        losses.append(torch.stack([loss, pooled, ordered]).detach())
        optimizer.step()
    tensors |= {"final." + k: v.detach().clone() for k, v in net.named_parameters()}
    tensors["losses"] = torch.stack(losses)
    save_file(tensors, sys.argv[1], {"batch": str(BATCH), "side": str(SIDE), "width": str(WIDTH), "tokens": str(TOKENS),
                                     "rate": str(RATE), "lr": str(LR), "torch": torch.__version__})


main()
