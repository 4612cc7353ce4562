"""Measures the memory and the time of a training step, standard and low, each in a process of its own.

The peak is that of the resident size, read every 2 ms while three steps run after a first one that compiles, less the
size before the first step: model, optimizer's numbers and TensorFlow itself are in both. Random images; Adam.

    python benchmarks/training_memory.py > benchmarks/training_memory.json
"""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

STEPS = 3
EVERY_SECONDS = 0.002
# The convolutions of BinaryNet (Courbariaux et al. 2016, arXiv:1602.02830, section 2.3) and its batch.
BINARY_NET = (
    "network.architecture=moons",
    "network.block_convolutions=[2,2,2]",
    "network.block_filters=[128,256,512]",
    "network.placement={full_precision: [first, last]}",
)
# Name, recipe, changes and batch: XNOR ResNet-20, and plain nets of convolutions, pools and dense layers.
CASES = (
    ("xnor_res", "xnor_res", (), 128),
    ("xnor_res", "xnor_res", (), 512),
    ("xnor_vgg", "xnor_vgg", (), 100),
    ("binary_net", "xnor_res", BINARY_NET, 100),
)
MODES = ("standard", "low")


def resident_mib() -> float:
    """Of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def measure(case: int, mode: str) -> dict[str, object]:
    """Of steps in this process, which must be a fresh one."""
    shown, name, changes, batch = CASES[case]
    import numpy as np

    from edgehybrid.model.compat import tf
    from edgehybrid.networks import network_of
    from edgehybrid.recipe import load_recipe
    from edgehybrid.training.step import Trainer, Wish

    settings = ("memory=" + mode, f"batch_size={batch}", "optimizer.kind=adam")
    recipe = load_recipe(name, [*changes, *(f"training.{setting}" for setting in settings)])
    network, random = network_of(recipe), np.random.default_rng(0)
    shape = (batch, network.image_side, network.image_side, network.image_channels)
    images = tf.constant(random.normal(size=shape), tf.float32)
    labels = tf.constant(random.integers(0, network.classes, batch))
    trainer = Trainer(recipe)
    before, peak, seconds, is_over = resident_mib(), 0.0, [], threading.Event()

    def watch() -> None:
        nonlocal peak
        while not is_over.wait(EVERY_SECONDS):
            peak = max(peak, resident_mib())

    watcher = threading.Thread(target=watch)
    for step in range(1 + STEPS):
        if step == 1:
            watcher.start()
        began = time.monotonic()
        trainer.step([(images, labels)], 1e-3, 0.0, Wish.NOTHING)
        seconds.append(time.monotonic() - began)
    is_over.set()
    watcher.join()
    return {
        "network": shown,
        "batch": batch,
        "memory": mode,
        "before_mib": round(before),
        "peak_over_before_mib": round(peak - before),
        "step_s": round(min(seconds[1:]), 2),
    }


def main() -> None:
    """Every case in a process of its own; prints JSON."""
    rows = []
    for case in range(len(CASES)):
        for mode in MODES:
            done = subprocess.run(
                [sys.executable, __file__, str(case), mode], check=True, capture_output=True, text=True
            )
            rows.append(json.loads(done.stdout.splitlines()[-1]))
            print(rows[-1], file=sys.stderr)
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(measure(int(sys.argv[1]), sys.argv[2])))
    else:
        main()
