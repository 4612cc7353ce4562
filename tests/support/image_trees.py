"""Class-per-folder trees of small JPEG files, as ImageNet is unpacked."""

from pathlib import Path

import numpy as np

SEED = 5


def write_tree(folder: Path, classes: int = 10, train: int = 4, val: int = 2, distinct: bool = False) -> Path:
    """``classes`` folders of ``train`` and of ``val`` images, 30 … 60 pixels a side.

    With ``distinct``, a network can tell the classes: each has stripes of its own width and colour.
    """
    from edgehybrid.model.compat import tf

    random = np.random.default_rng(SEED)
    for half, count in (("train", train), ("val", val)):
        for label in range(classes):
            class_folder = folder / half / f"n{label:04}"
            class_folder.mkdir(parents=True)
            for number in range(count):
                height, width = random.integers(30, 61, 2)
                pixels = random.integers(0, 256, (height, width, 3))
                if distinct:
                    stripes = (np.arange(width) // (2 + label % 5 * 3)) % 2
                    colour = np.array([label % 2, label // 2 % 2, label // 4 % 2]) * 150 + 50
                    pixels = pixels // 4 + stripes[None, :, None] * colour
                jpeg = tf.io.encode_jpeg(np.clip(pixels, 0, 255).astype(np.uint8), quality=95)
                (class_folder / f"{number}.JPEG").write_bytes(jpeg.numpy())
    return folder
