#!/usr/bin/env python3
"""drawn_layers.py SEED: prints a description of a few of the library's layers, orders, strided slices and einsums of one
parameter, at drawn sizes, strides, paddings, groups and axes."""
import random, sys

r = random.Random(int(sys.argv[1]))
images, channels, high, wide = shape = r.randint(1, 3), r.choice([1, 2, 3, 4, 6]), r.randint(5, 20), r.randint(5, 20)
square = min(high, wide)


def pair(low, high):
    return r.randint(low, high), r.randint(low, high)


def pool():
    size = pair(1, 4)
    padding = tuple(r.randint(0, n // 2) for n in size)
    of, name = r.choice(["p", "p * relu(p + 0.5)"]), r.choice(["max_pool2d", "avg_pool2d"])
    more = ", count_padding = false" if name == "avg_pool2d" and r.random() < 0.5 else ""
    return f"{name}({of}, {size}, stride = {pair(1, 5)}, padding = {padding}{more})"


def span(n):
    first = r.randint(0, n - 1)
    last, step = r.randint(first + 1, n), r.randint(1, n + 2)
    return r.choice([f"{first}:{last}:{step}", f"::{step}", f"{first}", ":", f"{first}::{step}"])


def slices():
    return f"p[{', '.join(map(span, shape))}]"


def order():
    axis = r.randint(-4, 3)
    count = r.randint(1, shape[axis])
    return r.choice([f"sort(p, axis = {axis})", f"sort(p, axis = {axis}, descending = true)",
                     f"cumsum(p, axis = {axis})", f"top_k(p, {count}, axis = {axis})[0]",
                     f"cast(ranks(p, axis = {axis}), f32) * p", f"cast(argmax(p, axis = {axis}), f32) + p"])


def product():
    part = f"p[:, :, :{square}, :{square}]"
    return r.choice([f'einsum({part}, "b c i i -> b i c")',
                     f'einsum({part}, p[:, :1, :1, :{square}], "b c i i, b c 1 i -> b 1 c")',
                     'einsum(p, p[:1, :, 2:3], "b c h w, b c h w -> c b h")',
                     'einsum(p, p[0, :, 1:2], "... h w, ... h w -> ... h")'])


def convolution():
    groups = r.choice([g for g in range(1, channels + 1) if channels % g == 0])
    return (f"conv2d({channels}, {groups * r.randint(1, 4)}, {pair(1, 4)}, stride = {pair(1, 4)}, "
            f"padding = {pair(0, 2)}, groups = {groups})")


members, terms = [], []
for i in range(4):
    kind = r.choice([pool, slices, order, product, convolution])
    text = kind()
    if kind is convolution:
        members.append(f"  c{i}: {text}")
        text = f"c{i}(p)"
    terms.append(f"weighed({text})")

lines = "\n".join(members)
print(f"""import "lib/nn.tess"
import "lib/order.tess"
import "lib/optim.tess"

# Positive terms of different weights, which do not cancel.
fn weighed(x [..]) = sum((uniform(shape(x)) + 0.25) * (x + 3) ^ 2)

module net() {{
  param p [{images}, {channels}, {high}, {wide}] = normal(shape)
{lines}
  fn () = {" + ".join(terms)}
}}

train drawn(batch = 1) {{
  model net = net()
  let loss = net()
  minimise loss
  report loss
  optimizer sgd(lr = 0.001)
}}""")
