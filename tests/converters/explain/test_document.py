"""The JSON object: the keys that others rely on, and nothing that JSON lacks."""

import json

import pytest
from explained import dense_of_bits, explained, sound_models

from converters.explain.document import document_of
from converters.explain.times import Times

MODELS = sound_models()


@pytest.mark.parametrize("name", MODELS)
def test_it_is_json(name: str) -> None:
    document = document_of(explained(MODELS[name]))
    assert json.loads(json.dumps(document, allow_nan=False))["size_bytes"] == len(MODELS[name])


def test_it_has_the_keys_that_others_rely_on() -> None:
    document = json.loads(json.dumps(document_of(explained(dense_of_bits()))))
    assert {"name", "op", "precision", "reason", "bytes", "macs"} <= set(document["ops"][0])
    assert {"layer", "reason", "fix"} <= set(document["why_not_packed"][0])
    assert document["wasted_bits"] == 0
    assert (
        document["macs"]
        == document["packed_macs"] + document["float32_macs"]
        == sum(row["macs"] for row in document["ops"])
    )


def test_times_stand_at_their_operators() -> None:
    found = explained(dense_of_bits())
    document = json.loads(json.dumps(document_of(found, Times(1.5, {(0, 1): 2.5}))))
    assert document["latency_ms_median"] == 1.5
    assert [row["time_us"] for row in document["ops"]] == [None, 2.5, None, None, None, None]
