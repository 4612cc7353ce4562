"""Images of a class-per-folder tree, as ImageNet is unpacked: ``train/<class>/*.JPEG`` and ``val/<class>/*.JPEG``.

Lists names only: the images are read when they are needed, and nothing here loads TensorFlow.
"""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edgehybrid.data.arrays import Labels, SplitName
from edgehybrid.errors import DataError

SUBFOLDERS: dict[SplitName, str] = {"train": "train", "test": "val"}
SUFFIXES = (".jpeg", ".jpg", ".png")


class ImageFiles(NamedTuple):
    """Paths of encoded images, and labels, int64 (n,): the place of the class among the sorted class names."""

    paths: tuple[str, ...]
    labels: Labels


def list_tree(folder: Path, name: SplitName, classes: int) -> ImageFiles:
    """The images of ``folder``'s train/ or val/, sorted by class and by name.

    The label of an image is the place of its folder among the sorted folders of that half; both halves must have the
    same folders.

    Raises:
        DataError: no such half, another number of classes than ``classes``, different classes in the two halves, a
            class without images, or a file that is no image by its name.
    """
    half = folder / SUBFOLDERS[name]
    if not half.is_dir():
        raise DataError(
            f"The folder of images has no '{half.name}'.",
            received=folder,
            allowed="train/<class>/*.JPEG and val/<class>/*.JPEG",
            next_step=f"Put the {name} images of each class into a folder of their own in {half}.",
        )
    names = _class_names(half)
    other = folder / ("val" if name == "train" else "train")
    if other.is_dir() and (different := sorted(set(names) ^ set(_class_names(other)))):
        raise DataError(
            f"{half.name}/ and {other.name}/ have different classes.",
            received=f"{len(different)} class folders in only one of the two, such as '{different[0]}'",
            allowed="the same class folders in both",
        )
    if len(names) != classes:
        raise DataError(
            f"{half}: the images have another number of classes than the recipe says.",
            received=f"{len(names)} class folders",
            allowed=f"data.classes: {classes}",
            next_step=f"Correct data.path, or set data.classes to {len(names)}.",
        )
    found = [_image_paths(half / class_name) for class_name in names]
    labels = np.repeat(np.arange(classes, dtype=np.int64), [len(paths) for paths in found])
    return ImageFiles(tuple(path for paths in found for path in paths), labels)


def _class_names(half: Path) -> list[str]:
    found = _entries(half)
    for entry in found:
        if not entry.is_dir():
            raise DataError(
                f"{entry.path}: a file stands among the class folders.",
                allowed=f"{half}/<class>/*.JPEG",
                next_step="Move it into its class folder, or remove it.",
            )
    return [entry.name for entry in found]


def _image_paths(class_folder: Path) -> list[str]:
    paths = [entry.path for entry in _entries(class_folder)]
    if not paths:
        raise DataError(f"{class_folder}: the class has no image.", next_step="Add its images, or remove the folder.")
    for path in paths:
        if not path.lower().endswith(SUFFIXES):
            raise DataError(
                f"{path}: this is no image, by its name.",
                allowed=f"names that end in {', '.join(SUFFIXES)}",
                next_step="Remove it from the class folder.",
            )
    return paths


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder, sorted by name."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{folder}: the folder cannot be read: {error.strerror}.") from error
