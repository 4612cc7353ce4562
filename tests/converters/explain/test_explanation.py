"""An explanation holds together: sums over its rows are its totals."""

import pytest
from explained import explained, sound_models
from tiny_flatbuffers import packed_flatbuffer

from edgehybrid.census.operators import census
from edgehybrid.flatbuffer import parse_flatbuffer
from edgehybrid.runs.run_folder import RunFolder

MODELS = sound_models()


@pytest.mark.parametrize("name", MODELS)
def test_totals_are_sums_of_the_rows(name: str) -> None:
    found = explained(MODELS[name])
    assert found.total_macs == sum(row.macs or 0 for row in found.ops)
    assert found.wasted_bits == sum(row.wasted_bits for row in found.ops)
    parts = found.sizes.parts
    apart = ("unused_buffers", "metadata", "structure")
    assert sum(row.bytes for row in found.ops) <= found.size_bytes - sum(parts[name] for name in apart)


@pytest.mark.parametrize("file_format", ["packed", "float32"])
def test_layers_and_work_are_those_of_the_census(file_format: str, converted_run: RunFolder) -> None:
    data = (converted_run.path / f"model.{file_format}.x86_64.tflite").read_bytes()
    counted = census(parse_flatbuffer(data, "model.tflite"))
    found = explained(data)
    assert [(row.name, row.precision, row.macs) for row in found.ops if row.precision] == [
        (row.name, row.precision, row.macs) for row in counted
    ]
    assert found.macs["packed"] + found.macs["float32"] == sum(row.macs for row in counted)
    assert sum(found.sizes.parts.values()) == len(data)


def test_the_numbers_alone_are_the_weights_and_what_scales_them() -> None:
    found = explained(packed_flatbuffer(channels_in=40))
    assert found.expected_bytes == 8 * 9 * 40 // 8 + 2 * 8 * 4
