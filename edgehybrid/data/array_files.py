"""Which files of a folder are its arrays, by their names; nothing is read here.

``train*-images.npy[.xz]`` with ``train*-labels.npy[.xz]``, and ``test*`` likewise. A file that may be meant as data but
has another name is refused, so that nothing is trained on, or left out, in silence; what is no data is named in a note.
"""

import re
from pathlib import Path
from typing import Literal, NamedTuple

from edgehybrid.data.names import listed, shown
from edgehybrid.errors import DataError

SplitName = Literal["train", "test"]

FORM = "train*-images.npy[.xz], train*-labels.npy[.xz], test*-images.npy[.xz], test*-labels.npy[.xz]"
_NAME = re.compile(r"(?P<stem>(?P<split>train|test).*)-(?P<kind>images|labels)\.npy(?:\.xz)?", re.DOTALL)
# Arrays of NumPy, packed or not. A copy by an editor, such as train-images.npy~ or .bak, ends in something else.
_MAY_BE_DATA = re.compile(r".*\.(npz|npy)(\.(xz|lzma|gz|bz2|zst|zip|z))?", re.DOTALL | re.IGNORECASE)


class ArrayPair(NamedTuple):
    """One part of a half: the files of its images and of their labels.

    Attributes:
        stem: what both names begin with, such as ``train-a``.
    """

    stem: str
    images: Path
    labels: Path


class ArrayFolder(NamedTuple):
    """The arrays of a folder, sorted by name, and a sentence on each kind of file that is not read."""

    train: tuple[ArrayPair, ...]
    test: tuple[ArrayPair, ...]
    notes: tuple[str, ...]


def holds_arrays(folder: Path) -> bool:
    """Whether a file of the folder has the name of an array of images or of labels."""
    return any(_NAME.fullmatch(name) for name in _names(folder))


def list_arrays(folder: Path) -> ArrayFolder:
    """The pairs of arrays in a folder; of a plain file and its ``.xz`` copy, which are one array, the plain one.

    A folder that is not there has none.

    Raises:
        DataError: a name that may be meant as data but is not of the form, or images without labels, or labels without
            images.
    """
    packed_copies, others = [], []
    found: dict[str, dict[str, Path]] = {}
    # Sorted, so that a plain file comes before its .xz copy.
    for name in _names(folder):
        if match := _NAME.fullmatch(name):
            kinds = found.setdefault(match["stem"], {})
            if match["kind"] in kinds:
                packed_copies.append(name)
            else:
                kinds[match["kind"]] = folder / name
        elif _MAY_BE_DATA.fullmatch(name):
            raise DataError(
                f"{shown(folder / name)}: this may be meant as images or labels, but training does not know the name.",
                allowed=FORM,
                next_step="Rename it, or take it out of the folder.",
            )
        # Folders of other data sets may stand here; one of this name may be meant.
        elif name.startswith(("train", "test")) or not (folder / name).is_dir():
            others.append(name)
    notes = []
    if packed_copies:
        notes.append(f"{shown(folder)}: not read, because the same file without .xz is there: {listed(packed_copies)}.")
    if others:
        notes.append(f"{shown(folder)}: not read, because the names are not those of arrays: {listed(others)}.")
    pairs = [_pair(folder, stem, found[stem]) for stem in sorted(found)]
    return ArrayFolder(
        tuple(pair for pair in pairs if pair.stem.startswith("train")),
        tuple(pair for pair in pairs if pair.stem.startswith("test")),
        tuple(notes),
    )


def _pair(folder: Path, stem: str, kinds: dict[str, Path]) -> ArrayPair:
    for kind, other in (("images", "labels"), ("labels", "images")):
        if kind not in kinds:
            raise DataError(
                f"A data file is missing: {shown(folder / stem)}-{kind}.npy or {shown(folder / stem)}-{kind}.npy.xz.",
                received=f"{shown(kinds[other].name)} alone",
                allowed="images and labels, in two files whose names begin alike",
                next_step=f"Add the {kind}, or take the {other} out of the folder.",
            )
    return ArrayPair(stem, kinds["images"], kinds["labels"])


def _names(folder: Path) -> list[str]:
    """Names in a folder but hidden ones, sorted; none where there is no folder."""
    try:
        return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise DataError(f"{shown(folder)}: the folder cannot be read: {error.strerror}.") from error
