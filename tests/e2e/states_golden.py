"""Makes states_golden.safetensors, the replay of states.tess against PyTorch: states_golden.py FILE [SEED].

Two steps of two micro-batches in f32 by torch.nn and torch.optim.AdamW: batch norm in training with its running
statistics, a teacher in training that follows the student, averaged weights, a queue of features and one of labels.
Needs torch and safetensors (pip install torch safetensors); the test itself needs neither."""
import copy
import sys

import torch
from safetensors.torch import save_file
from torch.nn import functional as F

STEPS, MICROS, BATCH, SIDE, WIDE, CLASSES, ROWS, KEEP, LR = 2, 2, 8, 12, 5, 4, 20, 0.9, 1e-2


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(1, WIDE, 3, stride=2, bias=False)
        self.norm = torch.nn.BatchNorm2d(WIDE)
        self.head = torch.nn.Linear(WIDE, CLASSES)
        self.register_buffer("table", torch.full((CLASSES,), 0.25))

    def forward(self, x):
        return self.head(F.gelu(self.norm(self.conv(x))).mean((2, 3))) + self.table


def tensors_of(net, prefix):
    skipped = "num_batches_tracked"
    return {prefix + k: v.detach().clone() for k, v in net.state_dict().items() if not k.endswith(skipped)}


def follow(to, of, keep, buffers):
    with torch.no_grad():
        for a, b in zip(to.parameters(), of.parameters()):
            a.copy_(keep * a + (1 - keep) * b)
        for a, b in zip(to.buffers(), of.buffers()) if buffers else ():
            if a.dtype == torch.float32 and a is not to.table:
                a.copy_(keep * a + (1 - keep) * b)


def states(student, teacher, average, queue, labels, seen):
    return (tensors_of(student, "") | tensors_of(teacher, "teacher/") | tensors_of(average, "average/")
            | {"queue": queue, "labels": labels, "seen": seen})


def main(path, seed=1):
    torch.manual_seed(seed)
    student = Net()
    with torch.no_grad():
        for v in list(student.parameters()) + [student.norm.running_mean]:
            v.add_(0.1 * torch.randn_like(v))
        student.norm.running_var.add_(torch.rand(WIDE))
    teacher, average = copy.deepcopy(student), copy.deepcopy(student)
    queue, labels = torch.rand(ROWS, CLASSES), torch.randint(CLASSES, (ROWS,), dtype=torch.int32)
    seen = torch.tensor(3.0)
    optimizer = torch.optim.AdamW(student.parameters(), lr=LR, eps=1e-3, weight_decay=0)
    out = {"param." + k: v for k, v in states(student, teacher, average, queue, labels, seen).items()}
    losses = torch.zeros(STEPS, 2)
    for step in range(STEPS):
        pixels = torch.randint(256, (MICROS, BATCH, 1, SIDE, SIDE), dtype=torch.uint8)
        label = torch.randint(CLASSES, (MICROS, BATCH), dtype=torch.int32)
        out[f"step{step}.pixels"], out[f"step{step}.label"] = pixels.flatten(0, 1), label.flatten()
        optimizer.zero_grad()
        for k in range(MICROS):
            x = (pixels[k].float() / 255 - 0.3) / 0.3
            y = student(x)
            with torch.no_grad():
                key = teacher(x)
            loss = F.cross_entropy(y, label[k].long()) + 0.1 * F.mse_loss(y, key)
            near = (y.softmax(-1) @ queue.T).mean()
            ((loss + 0.1 * near) / MICROS).backward()
            losses[step] += torch.stack((loss, near)).detach() / MICROS
            queue = torch.cat((key.softmax(-1), queue))[:ROWS]
            labels = torch.cat((label[k], labels))[:ROWS]
            seen = seen + BATCH
        if step == 0:
            out |= {"grad." + k: v.grad.clone() for k, v in student.named_parameters()}
        optimizer.step()
        follow(teacher, student, KEEP, buffers=False)
        follow(average, student, 0.75, buffers=True)
    end = states(student, teacher, average, queue, labels, seen)
    out |= {"final." + k: v for k, v in end.items() if not k.endswith("table")} | {"losses": losses}
    sizes = {"batch": BATCH, "accumulate": MICROS, "img": SIDE, "wide": WIDE, "classes": CLASSES, "rows": ROWS,
             "keep": KEEP, "lr": LR}
    save_file({k: v.contiguous().clone() for k, v in out.items()}, path, {k: str(v) for k, v in sizes.items()})


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
