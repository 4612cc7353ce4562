"""The file of a calibration comes back as it was, and another one is refused."""

import json
from pathlib import Path

import pytest
from calibration_samples import PACKED_NS, samples, with_parts, works

from edgehybrid.device.calibrate import calibrate
from edgehybrid.device.calibration import read_calibration, write_calibration
from edgehybrid.errors import EdgehybridError


def test_a_calibration_comes_back_from_its_file(tmp_path: Path) -> None:
    found = calibrate(with_parts(samples(works(6, 7), PACKED_NS)), "pi4", {"cpu": "Cortex-A72"}, ["warm"])
    path = tmp_path / "new" / "pi4.json"
    write_calibration(path, found)
    assert read_calibration(path) == found
    assert json.loads(path.read_text()) == found.as_dict()
    assert found.warnings == ("warm",)


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(EdgehybridError, match="cannot be written"):
        write_calibration(tmp_path / "file" / "pi4.json", calibrate(samples(works(6, 7), PACKED_NS), "pi4", {}))


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda facts: facts.pop("device"), "device: Field required"),
        (lambda facts: facts.update(colour="red"), "colour: Extra inputs"),
        (lambda facts: facts["kinds"][0].update(ns_per_byte=-1.0), "kinds.0.ns_per_byte: Input should be greater"),
        (lambda facts: facts["kinds"][0].update(left_out=[]), "kinds.0.left_out: Tuple should have at least 4"),
        (lambda facts: facts["kinds"][0]["left_out"][0].update(latency_ms_left_out=0.0), "greater than 0"),
        (lambda facts: facts.update(kinds=[]), "kinds: Tuple should have at least 1"),
    ],
)
def test_refuses_a_damaged_file(change: "object", part: str, tmp_path: Path) -> None:
    facts = calibrate(samples(works(6, 7), PACKED_NS), "pi4", {}).as_dict()
    change(facts)  # type: ignore[operator]
    (tmp_path / "pi4.json").write_text(json.dumps(facts))
    with pytest.raises(EdgehybridError, match="The file is no calibration") as caught:
        read_calibration(tmp_path / "pi4.json")
    assert part in str(caught.value)


@pytest.mark.parametrize("content", ["", "[]", "no JSON", '{"device": NaN}'])
def test_refuses_a_file_of_something_else(content: str, tmp_path: Path) -> None:
    (tmp_path / "pi4.json").write_text(content)
    with pytest.raises(EdgehybridError, match="The file is no calibration"):
        read_calibration(tmp_path / "pi4.json")
