"""ImageNet as tensorflow-datasets prepares it: encoded images in files that give any record at once."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypedDict

import numpy as np

from edgehybrid.data.array_files import SplitName
from edgehybrid.data.arrays import Labels
from edgehybrid.data.tfds import tensorflow_datasets
from edgehybrid.errors import DataError

SPLITS: dict[SplitName, str] = {"train": "train", "test": "validation"}
CLASSES = 1000
PREPARE = (
    "python -c \"import tensorflow_datasets as tfds; tfds.builder('imagenet2012', file_format='array_record')"
    '.download_and_prepare()"'
)


class EncodedImage(TypedDict):
    """What tensorflow-datasets keeps of an image; ``image`` is the file."""

    image: bytes
    file_name: bytes
    label: int


class Records(NamedTuple):
    """Encoded images and labels.

    Attributes:
        records: read at each access.
        labels: int64 (n,), 0 … 999 in the order of the sorted names of the classes.
        notes: sentences on files that are not read: none.
    """

    records: Sequence[EncodedImage]
    labels: Labels
    notes: tuple[str, ...] = ()


def prepared_imagenet(name: SplitName, classes: int) -> Records:
    """The training images, or as test images ImageNet's validation images, whose labels are published.

    The labels lie within the records, so the first call reads all of them once and keeps the labels beside them.

    Raises:
        DataError: not prepared yet, or in files without random access; the message says what to do. Nothing is
            downloaded.
    """
    tfds = tensorflow_datasets()
    builder = tfds.builder("imagenet2012")
    folder = Path(builder.data_path)
    if not builder.is_prepared() or SPLITS[name] not in builder.info.splits:
        raise DataError(
            f"ImageNet's {name} images are not on this machine, and cannot be downloaded without an account.",
            allowed="a folder with train/<class>/*.JPEG and val/<class>/*.JPEG, named by data.path or EDGEHYBRID_DATA; "
            "or tensorflow-datasets' own files",
            next_step="Register at https://image-net.org/download-images, put ILSVRC2012_img_train.tar and "
            f"ILSVRC2012_img_val.tar into {folder.parents[1] / 'downloads' / 'manual'}, and run once: {PREPARE}",
        )
    if builder.info.file_format.name != "ARRAY_RECORD":
        raise DataError(
            "tensorflow-datasets has prepared ImageNet in files that cannot be read in any order.",
            received=f"{builder.info.file_format.name} in {folder}",
            allowed="ARRAY_RECORD",
            next_step=f"Remove that folder, or set TFDS_DATA_DIR to another, and run once: {PREPARE}",
        )
    if classes != CLASSES:
        raise DataError(
            "ImageNet has another number of classes than the recipe says.",
            received=f"data.classes: {classes}",
            allowed=CLASSES,
            next_step="Name a folder of images with these classes in data.path.",
        )
    records = builder.as_data_source(split=SPLITS[name], decoders={"image": tfds.decode.SkipDecoding()})
    return Records(records, _labels(records, folder / f"edgehybrid-{SPLITS[name]}-labels.npy"))


def _labels(records: Sequence[EncodedImage], kept: Path) -> Labels:
    """The labels of all records, from the file ``kept`` if it holds one for each of them."""
    # Absent, or damaged: the records know better.
    with contextlib.suppress(OSError, EOFError, ValueError):
        labels = np.load(kept, allow_pickle=False)
        if labels.shape == (len(records),):
            return np.asarray(labels, np.int64)
    labels = np.fromiter((records[place]["label"] for place in range(len(records))), np.int64, len(records))
    # Where the folder may not be written, the labels are read again next time.
    with contextlib.suppress(OSError):
        partial = kept.with_suffix(f".{os.getpid()}.partial.npy")
        np.save(partial, labels)
        partial.replace(kept)
    return labels
