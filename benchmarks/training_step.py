"""Images/s of one training step of XNOR ResNet-20 and its float twin, in Keras and in PyTorch, interleaved.

    pip install '.[train,bench]' && python benchmarks/training_step.py [--rounds 7] [--steps 20] [--json]

Every variant has a process of its own, with the memory and threads of a training. They take turns:
one times some steps while the others wait. The table gives the median of the rounds and ratios to the first line.
Both frameworks render the same ``Network``, and train with Adam on the same batch of 128 random images, without a
pipeline.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from edgehybrid.networks import Network, float_twin, network_of
from edgehybrid.recipe import Recipe, load_recipe

BATCH, WARM_UP_STEPS = 128, 5
VARIANTS = [
    ("keras", "float32"),
    ("keras", "bfloat16"),
    ("torch", "float32"),
    ("torch", "bfloat16"),
    ("torch", "bfloat16+compile"),
]


def recipe_of(net: str, precision: str) -> Recipe:
    """XNOR ResNet-20 (``binary``) or its twin (``float``), with Adam."""
    recipe = load_recipe("xnor_res", ["training.optimizer.kind=adam", "training.optimizer.learning_rate=1e-3"])
    if net == "float":
        recipe = float_twin(recipe)
    training = recipe.training.model_copy(update={"precision": precision})
    return recipe.model_copy(update={"training": training})


def batch() -> tuple[Any, Any]:
    """Random images, float32 (128, 32, 32, 3), and labels, int64 (128,)."""
    random = np.random.default_rng(0)
    return random.standard_normal((BATCH, 32, 32, 3), np.float32), random.integers(0, 100, BATCH)


def keras_step(net: str, precision: str) -> Callable[[], None]:
    """One step of the trainer itself."""
    from edgehybrid.model.compat import tf
    from edgehybrid.training.step import Trainer, Wish

    recipe = recipe_of(net, precision)
    trainer = Trainer(recipe)
    images, labels = batch()
    parts = [(tf.constant(images), tf.constant(labels))]

    def step() -> None:
        trainer.step(parts, 1e-3, recipe.training.weight_decay, Wish.NOTHING)

    return step


def torch_step(net: str, precision: str) -> Callable[[], None]:
    """The same network, loss, optimizer and treatment of latent weights in PyTorch."""
    import torch
    from torch import nn

    class Sign(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, x: Any) -> Any:
            context.save_for_backward(x)
            return torch.where(x >= 0, x.new_tensor(1.0), x.new_tensor(-1.0))

        @staticmethod
        def backward(context: Any, upstream: Any) -> Any:
            (x,) = context.saved_tensors
            return upstream * (x.abs() <= 1)

    class Convolution(nn.Module):
        def __init__(self, layer: Any, pad_value: int) -> None:
            super().__init__()
            side = layer.kernel_side
            self.binary, self.stride, self.border, self.pad_value = (
                not layer.is_float,
                layer.stride,
                side // 2,
                pad_value,
            )
            deviation = (2 / (side**2 * layer.out_channels)) ** 0.5
            self.weight = nn.Parameter(deviation * torch.randn(layer.out_channels, layer.in_channels, side, side))

        def forward(self, x: Any) -> Any:
            if not self.binary:
                return nn.functional.conv2d(x, self.weight, stride=self.stride, padding=self.border)
            x = nn.functional.pad(Sign.apply(x), [self.border] * 4, value=float(self.pad_value))
            alpha = self.weight.abs().mean(dim=(1, 2, 3), keepdim=True)
            return nn.functional.conv2d(x, alpha * Sign.apply(self.weight), stride=self.stride)

    class Net(nn.Module):
        def __init__(self, network: Network) -> None:
            super().__init__()
            self.network, self.parts = network, nn.ModuleDict()
            channels = {"image": network.image_channels}
            for node in network.graph:
                channels[node.name] = channels[node.inputs[0]]
                if node.op == "layer":
                    layer = network.layer(node.name)
                    channels[node.name] = layer.out_channels
                    dense = layer.kind == "dense"
                    self.parts[node.name] = (
                        nn.Linear(layer.in_channels, layer.out_channels, bias=False)
                        if dense
                        else Convolution(layer, network.pad_value)
                    )
                elif node.op == "batch_norm":
                    pooled = "average_pool" in node.name or node.name.startswith("fc")
                    make = nn.BatchNorm1d if pooled else nn.BatchNorm2d
                    self.parts[node.name] = make(channels[node.name], eps=1e-4)

        def forward(self, image: Any) -> Any:
            values = {"image": image}
            for node in self.network.graph:
                inputs = [values[name] for name in node.inputs]
                if node.op == "add":
                    values[node.name] = inputs[0] + inputs[1]
                elif node.op == "relu":
                    values[node.name] = nn.functional.relu(inputs[0])
                elif node.op == "global_average_pool":
                    values[node.name] = inputs[0].mean(dim=(2, 3))
                else:
                    values[node.name] = self.parts[node.name](inputs[0])
            return values[self.network.graph[-1].name]

    model = Net(network_of(recipe_of(net, "float32"))).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, foreach=True)
    latent = [part.weight for part in model.parts.values() if isinstance(part, Convolution) and part.binary]
    images, labels = (torch.from_numpy(array) for array in batch())
    images = images.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
    forward = torch.compile(model) if "compile" in precision else model
    reduced = "bfloat16" in precision

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=reduced):
            loss = nn.functional.cross_entropy(forward(images).float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for weight in latent:
                weight.sub_(weight.mean(dim=1, keepdim=True)).clamp_(-1, 1)

    return step


def serve(framework: str, net: str, precision: str) -> None:
    """A variant's process: for each line on stdin, so many steps; answers images/s."""
    step = {"keras": keras_step, "torch": torch_step}[framework](net, precision)
    for _ in range(WARM_UP_STEPS):
        step()
    print("ready", flush=True)
    for line in sys.stdin:
        steps, began = int(line), time.perf_counter()
        for _ in range(steps):
            step()
        print(steps * BATCH / (time.perf_counter() - began), flush=True)


def main() -> None:
    """Starts all variants, lets them take turns, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=20, help="in a round")
    parser.add_argument("--variants", nargs="*", default=[f"{f}:{p}" for f, p in VARIANTS], help="framework:precision")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(*given.serve)
        return
    names = [(*variant.split(":"), net) for variant in given.variants for net in ("binary", "float")]
    processes = []
    for framework, precision, net in names:
        process = subprocess.Popen(
            [sys.executable, __file__, "--serve", framework, net, precision],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        while (line := process.stdout.readline()) != "ready\n":  # type: ignore[union-attr]
            if not line:
                sys.exit(f"{framework} {net} {precision} ended with status {process.wait()}")
        processes.append(process)
    speeds: list[list[float]] = [[] for _ in names]
    for _ in range(given.rounds):
        for process, found in zip(processes, speeds, strict=True):
            process.stdin.write(f"{given.steps}\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
            found.append(float(process.stdout.readline()))  # type: ignore[union-attr]
    for process in processes:
        process.communicate()
    medians = [float(np.median(found)) for found in speeds]
    rows = [
        {
            "framework": f,
            "precision": p,
            "net": n,
            "images_per_second": m,
            "ratio_to_first": m / medians[0],
            "least": min(s),
            "most": max(s),
        }
        for (f, p, n), m, s in zip(names, medians, speeds, strict=True)
    ]
    if given.json:
        print(json.dumps({"results": rows}, indent=2))
        return
    print(f"{'framework':10}{'precision':18}{'net':8}{'images/s':>9}{'ratio':>7}{'range':>13}")
    for row in rows:
        print(
            f"{row['framework']:10}{row['precision']:18}{row['net']:8}{row['images_per_second']:9.0f}"
            f"{row['ratio_to_first']:7.2f}{row['least']:7.0f}–{row['most']:.0f}"
        )


if __name__ == "__main__":
    main()
