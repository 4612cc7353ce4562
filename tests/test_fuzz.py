"""Long random campaigns: damaged files are read or refused, never anything else."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_flatbuffers import float_flatbuffer, loop_flatbuffer, many_kinds_flatbuffer, packed_flatbuffer

from edgehybrid.cost.flatbuffer_cost import cost_of_flatbuffer
from edgehybrid.errors import FlatbufferError, RecipeError
from edgehybrid.flatbuffer import parse_flatbuffer
from edgehybrid.recipe import load_recipe, recipe_names, recipes_folder

CASES = 2000


def damaged(content: bytes, dice: random.Random) -> bytes:
    """``content`` cut somewhere, or with a few bytes changed."""
    if dice.random() < 0.2:
        return content[: dice.randrange(len(content))]
    changed = bytearray(content)
    for _ in range(dice.randint(1, 8)):
        changed[dice.randrange(len(changed))] = dice.choice([0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)])
    return bytes(changed)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("content_of", [float_flatbuffer, packed_flatbuffer, many_kinds_flatbuffer, loop_flatbuffer])
def test_damaged_flatbuffer_is_read_or_refused(content_of: Callable[[], bytes], seed: int) -> None:
    dice, refused = random.Random(seed), 0
    content = content_of()
    for _ in range(CASES):
        try:
            cost_of_flatbuffer(parse_flatbuffer(damaged(content, dice), "damaged"), allow_uncounted=True).as_dict()
        except FlatbufferError:
            refused += 1
    assert 0 < refused < CASES, f"seed {seed}: all or no damage was noticed"


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(10))
def test_damaged_recipe_is_read_or_refused(seed: int, tmp_path: Path) -> None:
    dice, refused = random.Random(seed), 0
    content = (recipes_folder() / f"{dice.choice(recipe_names())}.yaml").read_bytes()
    file = tmp_path / "damaged.yaml"
    for _ in range(CASES // 10):
        file.write_bytes(damaged(content, dice))
        try:
            load_recipe(file)
        except RecipeError:
            refused += 1
    assert refused > 0, f"seed {seed}: no damage was noticed"
