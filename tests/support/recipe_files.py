"""Recipe files that tests write, and what stands in one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

GOOD = """\
name: my_network
description: A network of my own
data:
  dataset: cifar100
network:
  architecture: resnet20
"""


def write(folder: Path, text: str, name: str = "my_network.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def leaves(section: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value that is no section, with its path."""
    for key, value in section.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value
