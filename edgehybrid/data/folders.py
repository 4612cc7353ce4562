"""Images of a class-per-folder tree, as ImageNet is unpacked: ``train/<class>/*.JPEG`` and ``val/<class>/*.JPEG``.

Lists names only: the images are read when they are needed, and nothing here loads TensorFlow.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgehybrid.data.array_files import SplitName
from edgehybrid.data.arrays import Labels
from edgehybrid.data.names import listed, shown
from edgehybrid.errors import DataError

SUBFOLDERS: dict[SplitName, str] = {"train": "train", "test": "val"}
SUFFIXES = (".jpeg", ".jpg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp")
# What programs leave in a folder of images, in lower case, beside hidden files and folders.
CLUTTER = {"thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "__macosx"}


class ImageFiles(NamedTuple):
    """Encoded images.

    Attributes:
        paths: of the n files.
        labels: int64 (n,), the place of the class among the sorted class names.
        orientations: uint8 (n,), 1 … 8 as in EXIF; 1, as the pixels are stored, before the files are read.
        notes: a sentence on each kind of file that is skipped.
    """

    paths: tuple[str, ...]
    labels: Labels
    orientations: NDArray[np.uint8]
    notes: tuple[str, ...] = ()


def list_tree(folder: Path, name: SplitName, classes: int) -> ImageFiles:
    """The images of ``folder``'s train/ or val/, sorted by class and by name.

    The label of an image is the place of its folder among the sorted folders of that half; both halves must have the
    same folders.

    Raises:
        DataError: no such half, another number of classes than ``classes``, different classes in the two halves, a
            class without images, or what is neither an image by its name nor one of the things that are skipped.
    """
    half = folder / SUBFOLDERS[name]
    if not half.is_dir():
        raise DataError(
            f"The folder of images has no '{half.name}'.",
            received=shown(folder),
            allowed="train/<class>/*.JPEG and val/<class>/*.JPEG",
            next_step=f"Put the {name} images of each class into a folder of their own in {shown(half)}.",
        )
    names, skipped = _class_names(half)
    other = folder / ("val" if name == "train" else "train")
    if other.is_dir() and (different := sorted(set(names) ^ set(_class_names(other)[0]))):
        raise DataError(
            f"{half.name}/ and {other.name}/ have different classes.",
            received=f"{len(different)} class folders in only one of the two, such as '{shown(different[0])}'",
            allowed="the same class folders in both",
        )
    if len(names) != classes:
        raise DataError(
            f"{shown(half)}: the images have another number of classes than the recipe says.",
            received=f"{len(names)} class folders",
            allowed=f"data.classes: {classes}",
            next_step=f"Correct data.path, or set data.classes to {len(names)}.",
        )
    found = [_image_paths(half / class_name) for class_name in names]
    paths = tuple(path for of_class, _ in found for path in of_class)
    labels = np.repeat(np.arange(classes, dtype=np.int64), [len(of_class) for of_class, _ in found])
    for _, of_class in found:
        skipped += of_class
    notes: tuple[str, ...] = ()
    if skipped:
        notes = (f"{shown(half)}: {len(skipped)} skipped, which are no images: {listed(sorted(set(skipped)))}.",)
    return ImageFiles(paths, labels, np.ones(len(paths), np.uint8), notes)


def _class_names(half: Path) -> tuple[list[str], list[str]]:
    """Names of the class folders, and what else is there and skipped."""
    found, skipped = _entries(half)
    seen: dict[tuple[int, int], str] = {}
    for entry in found:
        if not _follows_to(entry, stat.S_ISDIR):
            raise DataError(
                f"{shown(entry.path)}: a file stands among the class folders.",
                allowed=f"{shown(half)}/<class>/*.JPEG",
                next_step="Move it into its class folder, or remove it.",
            )
        status = entry.stat()
        twin = seen.setdefault((status.st_dev, status.st_ino), entry.name)
        if twin != entry.name:
            raise DataError(
                f"{shown(entry.path)}: this class folder is that of class '{shown(twin)}', too, by a link.",
                allowed="a folder of its own for each class",
                next_step="Remove one of the two.",
            )
    return [entry.name for entry in found], skipped


def _image_paths(class_folder: Path) -> tuple[list[str], list[str]]:
    """Paths of the images of a class, and what else is there and skipped."""
    found, skipped = _entries(class_folder)
    if not found:
        raise DataError(
            f"{shown(class_folder)}: the class has no image.", next_step="Add its images, or remove the folder."
        )
    for entry in found:
        if _follows_to(entry, stat.S_ISDIR):
            raise DataError(
                f"{shown(entry.path)}: a folder stands among the images of a class.",
                allowed=f"{shown(class_folder)}/*.JPEG",
                next_step="Move its images into the class folder, or take it out.",
            )
        if not entry.name.lower().endswith(SUFFIXES):
            raise DataError(
                f"{shown(entry.path)}: this is no image, by its name.",
                allowed=f"names that end in {', '.join(SUFFIXES)}",
                next_step="Remove it from the class folder.",
            )
        if not _follows_to(entry, stat.S_ISREG):
            raise DataError(
                f"{shown(entry.path)}: this is neither a file nor a folder.",
                allowed="image files, or links to them",
                next_step="Remove it from the class folder.",
            )
    return [entry.path for entry in found], skipped


def _entries(folder: Path) -> tuple[list[os.DirEntry[str]], list[str]]:
    """What is in a folder, sorted by name; and names of what is no class and no image there, whatever it holds."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{shown(folder)}: the folder cannot be read: {error.strerror}.") from error
    skipped = [entry.name.startswith(".") or entry.name.lower() in CLUTTER for entry in found]
    return (
        [entry for entry, is_skipped in zip(found, skipped, strict=True) if not is_skipped],
        [entry.name for entry, is_skipped in zip(found, skipped, strict=True) if is_skipped],
    )


def _follows_to(entry: os.DirEntry[str], is_kind: Callable[[int], bool]) -> bool:
    """Whether an entry, or what its link leads to, is of a kind.

    Raises:
        DataError: a link that leads nowhere, or in a circle.
    """
    try:
        # Of most entries the folder itself says what they are.
        if not entry.is_symlink() and (entry.is_file() or entry.is_dir()):
            return is_kind(stat.S_IFREG if entry.is_file() else stat.S_IFDIR)
        return is_kind(entry.stat().st_mode)
    except OSError as error:
        raise DataError(
            f"{shown(entry.path)}: the link leads to no file: {error.strerror}.",
            next_step="Mend the link, or remove it.",
        ) from error
