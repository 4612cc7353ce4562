"""Long random campaigns: damaged files are read or refused, never anything else."""

import json
import random
import resource
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tiny_flatbuffers import float_flatbuffer, loop_flatbuffer, many_kinds_flatbuffer, packed_flatbuffer

from converters.explain.document import document_of
from converters.explain.explanation import explain
from edgehybrid.cost.flatbuffer_cost import cost_of_flatbuffer
from edgehybrid.errors import FlatbufferError, RecipeError
from edgehybrid.flatbuffer import parse_flatbuffer
from edgehybrid.recipe import load_recipe, recipe_names, recipes_folder

CASES = 2000


def damaged(content: bytes, dice: random.Random) -> bytes:
    """``content`` cut somewhere, with a few bytes changed, or with numbers and offsets that are negative, huge or lead
    elsewhere in the file.
    """
    if dice.random() < 0.2:
        return content[: dice.randrange(len(content))]
    changed = bytearray(content)
    for _ in range(dice.randint(1, 8)):
        if dice.random() < 0.7:
            changed[dice.randrange(len(changed))] = dice.choice([0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)])
        else:
            place = 4 * dice.randrange(len(changed) // 4)
            word = dice.choice([-1, -place, 2**31 - 1, -(2**31), 0, len(changed), dice.randrange(len(changed)) - place])
            changed[place : place + 4] = struct.pack("<i", word)
    return bytes(changed)


class Watch:
    """Looks at the time of each case, and at the memory of all."""

    # By the processor's clock, which other programs do not slow down.
    MOST_SECONDS = 2.0
    MOST_BYTES = 2**30

    def __init__(self) -> None:
        self.before = self._peak()

    @staticmethod
    def _peak() -> int:
        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    @contextmanager
    def case(self, number: int) -> Iterator[None]:
        began = time.process_time()
        yield
        seconds, grown = time.process_time() - began, self._peak() - self.before
        assert seconds < self.MOST_SECONDS, f"case {number} took {seconds:.1f} s"
        assert grown < self.MOST_BYTES, f"case {number} took {grown:,} bytes"


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("content_of", [float_flatbuffer, packed_flatbuffer, many_kinds_flatbuffer, loop_flatbuffer])
def test_damaged_flatbuffer_is_read_or_refused(content_of: Callable[[], bytes], seed: int) -> None:
    dice, refused, watch = random.Random(seed), 0, Watch()
    content = content_of()
    for number in range(CASES):
        with watch.case(number):
            try:
                found = parse_flatbuffer(damaged(content, dice), "damaged")
                cost_of_flatbuffer(found, allow_uncounted=True).as_dict()
            except FlatbufferError:
                refused += 1
    assert 0 < refused < CASES, f"seed {seed}: all or no damage was noticed"


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("content_of", [float_flatbuffer, packed_flatbuffer, many_kinds_flatbuffer, loop_flatbuffer])
def test_a_damaged_flatbuffer_is_explained_or_refused(content_of: Callable[[], bytes], seed: int) -> None:
    dice, refused, watch = random.Random(seed), 0, Watch()
    content = content_of()
    for number in range(CASES):
        with watch.case(number):
            try:
                json.dumps(document_of(explain(parse_flatbuffer(damaged(content, dice), "damaged"), "damaged")))
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
