"""Profiles: what is shown of them, and which files are refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from report_samples import HYBRID, make_row

from edgehybrid.errors import UsageError
from edgehybrid.report.origin import Entry
from edgehybrid.report.part_times import part_times
from edgehybrid.runtime.profile import ProfileEntry

ENTRIES = [Entry(3, make_row(), HYBRID)]
PARTS = [
    ProfileEntry("LceBconv2d + MUL", (0, 1, 2, 5), "stage1_block1", 1234.56, 0.75),
    ProfileEntry("the host: no nodes", (), None, 411.5, 0.25),
]
EMULATED = [part._asdict() | {"time_us_median": None, "emulated_us_not_latency": 7.5} for part in PARTS]


def profile(path: Path, **changes: Any) -> Path:
    document = {**ENTRIES[0].row.as_dict(), "twins": [], "comparisons": [], "profile": [p._asdict() for p in PARTS]}
    path.write_text(json.dumps(document | changes))
    return path


def test_a_profile_becomes_a_table_of_parts(tmp_path: Path) -> None:
    (table,) = part_times([profile(tmp_path / "p.json")], ENTRIES)
    assert table.title == "Time of each part: digits (model.packed.aarch64.tflite) on pi4, 1 thread, #3"
    assert table.names[-2:] == ("median time µs (measured)", "share % (measured)")
    assert table.rows == (
        ("1", "LceBconv2d + MUL", "0–2, 5", "stage1_block1", "1234.6", "75.0"),
        ("2", "the host: no nodes", "–", "–", "411.5", "25.0"),
    )


def test_a_file_of_several_profiles_is_a_table_each(tmp_path: Path) -> None:
    one = json.loads(profile(tmp_path / "one.json").read_text())
    entries = [*ENTRIES, Entry(4, make_row(device="pi5"), HYBRID)]
    several = tmp_path / "several.json"
    several.write_text(json.dumps({"results": [one, one | {"device": "pi5"}], "errors": []}))
    titles = [table.title for table in part_times([several], entries)]
    assert [title.partition(" on ")[2] for title in titles] == ["pi4, 1 thread, #3", "pi5, 1 thread, #4"]


def test_no_profile_is_no_table() -> None:
    assert part_times([], ENTRIES) == ()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"model_sha256": "f" * 64}, "No row of the report was measured as the profile was"),
        ({"device": "local"}, "on local, --threads 1"),
        ({"threads": 4}, "on pi4, --threads 4"),
        ({"results": []}, "no profile: the file"),
        ({"emulated": True, "profile": EMULATED}, "taken in an emulator"),
        ({"profile": []}, "no profile: profile"),
        ({"profile": [{"name": "x"}]}, "no profile: profile.0"),
        ({"model": 7}, "no profile: model"),
    ],
)
def test_refuses_what_is_no_profile_of_a_row(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        part_times([profile(tmp_path / "p.json", **changes)], ENTRIES)


def test_refuses_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        part_times([tmp_path / "absent.json"], ENTRIES)
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(UsageError, match=r"(?s)no profile: the file.*--profile --json"):
        part_times([tmp_path / "broken.json"], ENTRIES)
