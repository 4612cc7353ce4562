from typing import Any

import numpy as np
import pytest
from tiny_runs import random_model, tiny_recipe

from converters.export import export
from converters.pack import pack
from converters.verify.replay import Replayed
from converters.verify.tapped_file import TappedFile
from edgehybrid.model.layers import ScaledQuantConv2D
from edgehybrid.runtime.interpreter import Interpreter

IMAGES = np.random.default_rng(9).standard_normal((6, 8, 8, 1)).astype(np.float32)


@pytest.fixture(scope="module", params=["packed", "float32"])
def file(request: pytest.FixtureRequest) -> tuple[Any, bytes, TappedFile]:
    model = random_model(tiny_recipe())
    content = export(model, "float32")
    taps = None
    if request.param == "packed":
        content, _, taps = pack(content)
    return model, content, TappedFile(model, content, taps, IMAGES[:1])


def test_every_quantisers_input_is_matched(file: tuple[Any, bytes, TappedFile]) -> None:
    model, _, tapped = file
    matched = tapped.matched_layers
    quantised = [layer for layer in model.layers if isinstance(layer, ScaledQuantConv2D)]
    assert len(quantised) == 18
    for layer in quantised:
        assert layer.inbound_nodes[0].inbound_layers.name in matched


def test_values_are_those_of_the_file_and_agree(file: tuple[Any, bytes, TappedFile]) -> None:
    _, content, tapped = file
    values = tapped.values(IMAGES)
    np.testing.assert_array_equal(tapped.logits(values), Interpreter(content).predict(IMAGES))
    assert isinstance(tapped.replay(IMAGES, values), Replayed)


def test_packed_maps_are_told_with_pixels_and_channels(file: tuple[Any, bytes, TappedFile]) -> None:
    maps = file[2].packed_maps
    # Stages of 8, 4 and 2 pixels a side, with 4, 8 and 16 channels; float32 files have none.
    assert set(maps) in (set(), {(64, 4), (16, 8), (4, 16)})
