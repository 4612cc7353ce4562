"""The zoo: trained networks that come with the package, so that a board can be measured where nothing is trained.

recipes/zoo/<recipe>-<UTC time>-<6 hex>/ is the folder of the run that trained the network, with its flatbuffers, and
of its checkpoint the record without the weights. ``zoo:hybrid_res_a`` names it where a run or a model is asked for, and
``zoo:hybrid_res_a:int8`` its flatbuffer of one format.
"""

import re
from pathlib import Path

from edgehybrid.errors import RunError, did_you_mean
from edgehybrid.recipe import recipes_folder

PREFIX = "zoo:"
_NAME = re.compile(r"(.+)-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}")


def zoo_folder() -> Path:
    """Where the networks lie."""
    return recipes_folder() / "zoo"


def zoo_names() -> dict[str, Path]:
    """The folder of each network, by its name: that of its recipe, with ``-`` for ``/``."""
    folders = (path.parent for path in sorted(zoo_folder().glob("*/recipe.yaml")))
    return {name: folder for folder in folders if (name := name_of(folder)) is not None}


def name_of(folder: Path) -> str | None:
    """Of the network whose run has this folder; None for a folder that has not the name of a run."""
    match = _NAME.fullmatch(folder.name)
    return match[1] if match else None


def lies_in_zoo(folder: Path) -> bool:
    """Whether this is the folder of a network of the zoo, which is read only and has no weights."""
    return folder.parent == zoo_folder()


def is_of_zoo(name: str) -> bool:
    """Whether what a user names is a network of the zoo."""
    return name.startswith(PREFIX)


def format_order(flatbuffer: Path) -> tuple[bool, str]:
    """Sorts the flatbuffers of a network: what was trained, packed or in float32, before what int8 rounds it to.

    ``zoo:NAME`` means the first. Never the newest: an installation gives all files a time of its own.
    """
    return flatbuffer.name.startswith("model.int8"), flatbuffer.name


def zoo_entry(name: str) -> tuple[Path, str | None]:
    """The folder that ``zoo:NAME`` or ``zoo:NAME:FORMAT`` means, and the format.

    Raises:
        RunError: there is no such network.
    """
    network, _, file_format = name.removeprefix(PREFIX).partition(":")
    known = zoo_names()
    if network not in known:
        raise RunError(
            "The zoo has no such network.",
            received=name,
            allowed=", ".join(f"{PREFIX}{each}" for each in known) or "nothing: it is empty",
            next_step=did_you_mean(network, list(known)),
        )
    return known[network], file_format or None
