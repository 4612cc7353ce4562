"""Images per second of the input pipeline alone: shuffled, augmented, normalised; nothing is trained.

    python benchmarks/input_pipeline.py [--seconds 5]

The goal is ten times what a training step of ResNet-20 consumes on the same cores, so that reading never holds
training up: some 5,000 to 10,000 images/s where the step takes 500 to 1,000. All images are synthetic.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edgehybrid.data.arrays import Split
from edgehybrid.data.source import Source, open_source
from edgehybrid.model.compat import tf, versions
from edgehybrid.recipe import Data
from edgehybrid.recipe.training import Augmentation, PaddedCrop, RandomResizedCrop

RESIZED = RandomResizedCrop(kind="random_resized")
CLASSES, FILES_A_CLASS = 4, 50
# The commonest size of ImageNet's images, pixels.
FILE_HEIGHT, FILE_WIDTH = 375, 500


def arrays() -> Source:
    """CIFAR-100's form: 50,000 images of 32×32×3, in memory."""
    random = np.random.default_rng(0)
    split = Split(random.integers(0, 256, (50_000, 32, 32, 3), np.uint8), np.arange(50_000) % 100)
    return Source(Data.model_validate({"dataset": "cifar100"}), lambda _: split)


def files(folder: Path) -> Source:
    """ImageNet's form: JPEG files of 500×375 pixels and about 100 kB, decoded on the way, cropped to 224×224."""
    random = np.random.default_rng(0)
    for half in ("train", "val"):
        for label in range(CLASSES):
            (folder / half / str(label)).mkdir(parents=True)
            for number in range(FILES_A_CLASS):
                # Smooth shapes with some grain compress about as photographs do.
                coarse = tf.image.resize(random.integers(0, 256, (12, 16, 3)), (FILE_HEIGHT, FILE_WIDTH), "bicubic")
                grain = random.normal(0, 12, (FILE_HEIGHT, FILE_WIDTH, 3))
                pixels = tf.saturate_cast(coarse + grain, tf.uint8)
                (folder / half / str(label) / f"{number}.JPEG").write_bytes(tf.io.encode_jpeg(pixels).numpy())
    return open_source(Data.model_validate({"dataset": "imagenet2012", "path": str(folder), "classes": CLASSES}))


def speed(batches_of: Callable[[int], Any], seconds: float) -> tuple[float, float]:
    """Images/s and microseconds of processor time an image, over whole epochs after a first one that is not counted."""
    for _ in batches_of(1):
        pass
    images, epoch, began, used = 0, 2, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        images += sum(len(labels) for _, labels in batches_of(epoch))
        epoch += 1
    return images / (time.perf_counter() - began), (time.process_time() - used) / images * 1e6


def main() -> None:
    """Measures every way that training images take, and prints a line each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="of measuring, for each line")
    seconds = parser.parse_args().seconds
    print(f"TensorFlow {versions()['tensorflow']}, {os.cpu_count()} cores")
    print(f"{'images':<22}{'augmentation':<16}{'batch':>6}{'images/s':>10}{'cpu us/image':>14}")
    with tempfile.TemporaryDirectory() as folder:
        lines: list[tuple[str, Source, Augmentation, int]] = [
            ("arrays 32x32", arrays(), PaddedCrop(), 128),
            ("arrays 32x32", arrays(), RESIZED, 128),
            ("JPEG 500x375 to 224", files(Path(folder)), RESIZED, 32),
        ]
        for name, source, augmentation, batch_size in lines:

            def batches_of(
                epoch: int, source: Source = source, augmentation: Augmentation = augmentation, size: int = batch_size
            ) -> Any:
                return source.training_batches(augmentation, size, seed=1, epoch=epoch)

            rate, cpu = speed(batches_of, seconds)
            print(f"{name:<22}{augmentation.kind:<16}{batch_size:>6}{rate:>10.0f}{cpu:>14.1f}")


if __name__ == "__main__":
    main()
