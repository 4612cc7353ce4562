"""Data sets as NumPy arrays: digits (embedded in scikit-learn), local array files, CIFAR-10 and -100 by download.

Nothing here loads TensorFlow unless a download is needed.
"""

import lzma
import os
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
from numpy.typing import NDArray

from edgehybrid.data.array_files import FORM, ArrayPair, SplitName, list_arrays
from edgehybrid.data.names import shown
from edgehybrid.data.tfds import tensorflow_datasets
from edgehybrid.errors import DataError, MissingExtraError
from edgehybrid.recipe import Data

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]

DIGITS_TEST_IMAGES = 360
# What tensorflow-datasets downloads, by the name that it shares with the recipe's data set.
CIFAR_URLS = {
    "cifar10": "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "cifar100": "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
}
CIFAR_TIMEOUT_S = 15


class Split(NamedTuple):
    """Images, uint8 (n, side, side, channels), and labels, int64 (n,), 0 … classes-1; sentences on files not read."""

    images: Images
    labels: Labels
    notes: tuple[str, ...] = ()


def load_split(data: Data, name: SplitName, download: bool = True) -> Split:
    """Reads the training or the test images of a recipe's data set.

    Digits come with scikit-learn. Others come from ``data.path``, else from the folder that the environment variable
    ``EDGEHYBRID_DATA`` names, else (CIFAR) from tensorflow-datasets, which downloads them once (160 MiB).

    Raises:
        DataError: files that are missing, damaged, or do not fit the recipe; or that would have to be downloaded
            where ``download`` is false.
    """
    if data.dataset == "digits":
        split = _digits(data.image_side, name)
    elif (folder := folder_of(data)) is not None:
        split = _local(folder, name)
    elif data.dataset in CIFAR_URLS:
        split = _downloaded_cifar(data.dataset, name, download)
    else:
        raise DataError(
            f"There are no images for data set '{data.dataset}'.",
            allowed=f"a folder of arrays: {FORM}",
            next_step="Name the folder in data.path, or in the environment variable EDGEHYBRID_DATA.",
        )
    _check(name, split, data)
    return split


def folder_of(data: Data) -> Path | None:
    """Where local images are: in ``data.path``, else in the folder that the environment variable ``EDGEHYBRID_DATA``
    names; or in the folder of the data set's name there. None where neither is set, or to an empty text.
    """
    named = data.path or os.environ.get("EDGEHYBRID_DATA")
    if not named:
        return None
    inner = Path(named) / data.dataset
    return inner if inner.is_dir() else Path(named)


def normalise(images: Images | NDArray[np.float32], data: Data) -> NDArray[np.float32]:
    """``(pixel / 255 - mean) / std`` per channel, float32."""
    # A row of an image at a time: NumPy's loops over three channels are five times slower.
    mean, std = (np.tile(np.asarray(value, np.float32), images.shape[-2]) for value in (data.mean, data.std))
    rows = images.reshape(*images.shape[:-2], len(mean)).astype(np.float32)
    rows /= np.float32(255)
    rows -= mean
    rows /= std
    return rows.reshape(images.shape)


def _digits(side: int, name: SplitName) -> Split:
    """scikit-learn's 1,797 scanned digits of 8×8 pixels, each pixel repeated; a fixed random fifth is the test set."""
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise MissingExtraError("scikit-learn", "train") from error
    if side % 8:
        raise DataError(
            "The digits have 8×8 pixels and are scaled up by a whole number.",
            received=f"data.image_side: {side}",
            allowed="a multiple of 8",
        )
    bunch = load_digits()
    # Grey levels are 0 … 16 in the source.
    pixels = np.round(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    images = pixels.repeat(side // 8, axis=1).repeat(side // 8, axis=2)
    labels = bunch.target.astype(np.int64)
    test = np.zeros(len(images), bool)
    test[np.random.default_rng(0).permutation(len(images))[:DIGITS_TEST_IMAGES]] = True
    chosen = test if name == "test" else ~test
    return Split(images[chosen], labels[chosen])


def _local(folder: Path, name: SplitName) -> Split:
    """The arrays of a folder whose names begin with ``name``, joined in the order of their names."""
    listing = list_arrays(folder)
    pairs = listing.test if name == "test" else listing.train
    if not pairs:
        raise DataError(
            f"The folder has no {name} images.",
            received=shown(folder),
            allowed=f"files {FORM}",
            next_step="Correct data.path or the environment variable EDGEHYBRID_DATA.",
        )
    parts = [_read_pair(pair) for pair in pairs]
    if len({part.images.shape[1:] for part in parts}) > 1:
        raise DataError(
            f"{shown(folder)}: the {name} files hold images of different shapes.",
            received=", ".join(f"{shown(q.stem)}: {p.images.shape[1:]}" for q, p in zip(pairs, parts, strict=True)),
        )
    _check_copies(pairs, parts)
    return Split(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.labels for part in parts]).astype(np.int64),
        listing.notes,
    )


def _read_pair(pair: ArrayPair) -> Split:
    part = Split(_read(pair.images), _read(pair.labels))
    if (
        part.images.dtype != np.uint8
        or part.images.ndim != 4
        or part.labels.dtype.kind not in "iu"
        or part.labels.shape != part.images.shape[:1]
    ):
        raise DataError(
            f"{shown(pair.images.parent)}: the arrays '{shown(pair.stem)}' do not fit together.",
            received=f"images {part.images.dtype} {part.images.shape}, labels {part.labels.dtype} {part.labels.shape}",
            allowed="images uint8 (n, side, side, channels), labels integers (n,)",
        )
    return part


def _check_copies(pairs: Sequence[ArrayPair], parts: Sequence[Split]) -> None:
    """Refuses a file whose every image another file holds as well: it is a copy, or a part of the other."""
    if len(parts) == 1:
        return
    contents = [{hash(image.tobytes()) for image in part.images} for part in parts]
    for (copy, its), (other, others) in permutations(zip(pairs, contents, strict=True), 2):
        if its and its <= others:
            raise DataError(
                f"{shown(copy.images)}: every image of this file is in {shown(other.images.name)}, too.",
                allowed="files that are parts of the data set, each image in one of them",
                next_step="Take one of the two, and its labels, out of the folder.",
            )


def _read(path: Path) -> NDArray[Any]:
    try:
        with lzma.open(path) if path.suffix == ".xz" else path.open("rb") as stream:
            array = np.asarray(np.load(stream, allow_pickle=False))
            more = stream.read(1)
    # A damaged header can tell of more than memory, or an index, can hold.
    except (OSError, EOFError, ValueError, MemoryError, OverflowError, lzma.LZMAError) as error:
        raise DataError(
            f"{shown(path)}: the data file is damaged: {error}.",
            allowed="a NumPy array file, plain or xz-compressed",
            next_step="Copy the file again.",
        ) from error
    if more:
        raise DataError(
            f"{shown(path)}: bytes follow the array, which would be left out.",
            allowed="one array in a file",
            next_step="Write each array into a file of its own.",
        )
    return array


def _downloaded_cifar(dataset: str, name: SplitName, download: bool) -> Split:
    tfds = tensorflow_datasets()
    shown_name, url = dataset.replace("cifar", "CIFAR-"), CIFAR_URLS[dataset]
    builder = tfds.builder(dataset)
    if not builder.is_prepared():
        if not download:
            raise _no_cifar(f"{shown_name} is not on this machine")
        try:
            _ask(url)
            builder.download_and_prepare()
        except (OSError, tfds.download.DownloadError) as error:
            raise _no_cifar(f"{shown_name} could not be downloaded from {url}: {error}") from error
    arrays = tfds.as_numpy(builder.as_dataset(split=name, batch_size=-1))
    return Split(arrays["image"], arrays["label"].astype(np.int64))


def _ask(url: str) -> None:
    """Raises OSError where the server cannot be reached: tensorflow-datasets would try again for minutes."""
    try:
        urlopen(Request(url, method="HEAD"), timeout=CIFAR_TIMEOUT_S).close()
    except HTTPError as answer:
        answer.close()


def _no_cifar(why: str) -> DataError:
    return DataError(
        f"{why}.",
        next_step="Name a folder of local arrays in data.path or EDGEHYBRID_DATA, or train with a network: training "
        "downloads it once.",
    )


def _check(name: str, split: Split, data: Data) -> None:
    expected = (data.image_side, data.image_side, data.channels)
    if len(split.images) == 0:
        raise DataError(f"The {name} split of '{data.dataset}' holds no image.")
    if split.images.shape[1:] != expected:
        raise DataError(
            f"The {name} images of '{data.dataset}' have another shape than the recipe says.",
            received=split.images.shape[1:],
            allowed=expected,
            next_step="Set data.image_side to the side of the images.",
        )
    low, high = int(split.labels.min()), int(split.labels.max())
    if low < 0 or high >= data.classes:
        raise DataError(
            f"The {name} labels of '{data.dataset}' are out of range.",
            received=f"{low} … {high}",
            allowed=f"0 … {data.classes - 1}",
        )
