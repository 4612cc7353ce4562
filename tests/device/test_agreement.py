"""Two machines must compute the same before anything is timed."""

import numpy as np
import pytest

from edgehybrid.device.agreement import MEDIAN_LIMIT, check_agreement, expected_logits
from edgehybrid.device.sessions import agreement_images
from edgehybrid.errors import EdgehybridError
from edgehybrid.flatbuffer import read_flatbuffer
from edgehybrid.runs.artefact import Artefact
from edgehybrid.runtime.host import Floats


@pytest.fixture
def expected(artefact: Artefact) -> Floats:
    return expected_logits(artefact.path, agreement_images([read_flatbuffer(artefact.path)]))


@pytest.fixture
def logits(expected: Floats) -> Floats:
    return expected.copy()


def test_the_same_logits_agree(expected: Floats, logits: Floats) -> None:
    assert check_agreement("board", False, expected, logits) == 0


def test_another_order_of_adding_agrees(expected: Floats, logits: Floats) -> None:
    assert 0 < check_agreement("board", False, expected, logits * np.float32(1 + 1e-6)) < MEDIAN_LIMIT


def test_a_flip_in_a_few_images_is_no_mistake(expected: Floats, logits: Floats) -> None:
    logits[:3] *= -1
    assert check_agreement("board", False, expected, logits) == 0


def test_a_difference_in_most_images_is_refused(expected: Floats, logits: Floats) -> None:
    logits[: len(logits) // 2 + 1] *= np.float32(1.01)
    with pytest.raises(EdgehybridError, match="does not compute what this machine computes; nothing was measured"):
        check_agreement("board", False, expected, logits)


@pytest.mark.parametrize("damage", [np.nan, np.inf, "shape", None])
def test_what_are_no_logits_is_refused(expected: Floats, logits: Floats, damage: float | str | None) -> None:
    found: Floats | None = logits
    if damage is None:
        found = None
    elif damage == "shape":
        found = logits[:-1]
    else:
        logits[0, 0] = float(damage)
    with pytest.raises(EdgehybridError, match="is not finite"):
        check_agreement("board", False, expected, found)
