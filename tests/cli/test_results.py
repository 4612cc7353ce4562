"""The installed command ``results``: list, show, export, import, and the energy of a meter."""

import csv
import io
import json
from pathlib import Path

import pytest
from processes import call, refuse
from report_samples import make_row

from edgehybrid import results
from edgehybrid.results import Row
from edgehybrid.results.row import block_text

STORE = Path("runs", "results.sqlite")


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    made = [make_row(device=device) for device in ("pi4", "local", "pi4")]
    results.append_all(tmp_path / STORE, made)
    # A reader leaves the files of SQLite's log beside the store.
    return results.read(tmp_path / STORE)


def test_rows_are_listed_under_their_numbers(rows: list[Row], tmp_path: Path) -> None:
    plain, named = (call(["results", *words], tmp_path).stdout for words in ([], ["list"]))
    assert plain == named
    assert [line.split()[0] for line in plain.splitlines()[1:]] == ["1", "2", "3"]


@pytest.mark.parametrize("words", [["results"], ["results", "list"]], ids=" ".join)
def test_programs_get_csv_or_json(words: list[str], rows: list[Row], tmp_path: Path) -> None:
    chosen = [*words, "--device", "pi4"]
    found = json.loads(call([*chosen, "--json"], tmp_path).stdout)["results"]
    assert found == [row.as_dict() for row in rows if row.device == "pi4"]
    table = [*csv.DictReader(io.StringIO(call([*chosen, "--csv"], tmp_path).stdout))]
    assert [line["device"] for line in table] == ["pi4", "pi4"]


def test_a_row_is_shown_with_what_its_fields_mean(rows: list[Row], tmp_path: Path) -> None:
    shown = call(["results", "show", "2"], tmp_path).stdout.splitlines()
    assert shown[0] == "row 2"
    assert len(shown) == 1 + len(Row.model_fields)
    (size,) = (line for line in shown if line.startswith("size_bytes"))
    assert " ".join(size.split()[1:]) == "bytes of the flatbuffer 262,144"
    assert json.loads(call(["results", "show", "2", "--json"], tmp_path).stdout) == rows[1].as_dict()


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_rows_travel_to_another_store_once(ending: str, rows: list[Row], tmp_path: Path) -> None:
    file, other = f"rows.{ending}", "other.sqlite"
    assert json.loads(call(["results", "export", file, "--json"], tmp_path).stdout) == {"file": file, "rows": 3}
    # Two of the three rows are equal in all fields.
    different = len({row.model_dump_json() for row in rows})
    for added in (different, 0):
        done = call(["results", "import", file, "--results", other, "--json"], tmp_path)
        assert json.loads(done.stdout) == {"store": other, "added": added, "known": 3 - added}, done.stderr
    assert {row.model_dump_json() for row in results.read(tmp_path / other)} == {row.model_dump_json() for row in rows}


def test_a_file_with_one_bad_row_adds_none(rows: list[Row], tmp_path: Path) -> None:
    document = {"results": [row.as_dict() for row in rows]}
    document["results"][2]["threads"] = -1
    (tmp_path / "rows.json").write_text(json.dumps(document))
    refuse(["results", "import", "rows.json", "--runs", "new"], tmp_path, 1, "Row 3 of the file", "'threads'")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "parts"),
    [
        (["show", "4"], 1, ["no row of this number", "received: 4", "1 … 3"]),
        (["show", "0"], 2, ["0 is not in the range"]),
        (["show", "first"], 2, ["'first' is not a valid integer"]),
        (["export", "rows.xlsx"], 2, ["no such form", "rows.xlsx", ".csv, .json, .parquet"]),
        (["export", "taken.csv"], 1, ["exists already", "--overwrite"]),
        (["export", "no/such/folder.csv"], 1, ["cannot be written"]),
        (["import", "missing.csv"], 1, ["cannot be read", "missing.csv"]),
        (["import", "taken.csv"], 1, ["holds no rows of results", "edgehybrid results export"]),
        (["listed"], 2, ["No such command 'listed'"]),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_what_users_get_wrong(
    arguments: list[str], status: int, parts: list[str], rows: list[Row], tmp_path: Path
) -> None:
    (tmp_path / "taken.csv").write_text("")
    refuse(["results", *arguments], tmp_path, status, *parts)


# -- the log of a power meter


def metered_store(folder: Path) -> None:
    """Two models that ran in turns for a second each, at 3 W and 5 W, idle at 2 W; and the log of a meter in mW."""
    blocks = {"packed": [(10, 11), (12, 13)], "int8": [(11, 12), (13, 14)]}
    rows = [
        make_row(format=name, runs=1000, timed_blocks=[block_text(1.7e9 + a, 1.7e9 + b) for a, b in times])
        for name, times in blocks.items()
    ]
    results.append_all(folder / STORE, rows)
    # A reader leaves the files of SQLite's log beside the store.
    results.read(folder / STORE)
    busy = {second: 3000 if second % 2 == 0 else 5000 for second in range(10, 14)}
    # The meter's clock is an hour behind.
    lines = [f"{1.7e9 - 3600 + tick / 1000},{busy.get(tick // 1000, 2000)}" for tick in range(20_000)]
    (folder / "meter.csv").write_text("t,mW\n" + "\n".join(lines) + "\n")


ENERGY = ["results", "energy", "meter.csv", "--time", "t", "--power", "mW", "--unit", "mW", "--offset-seconds", "3600"]


@pytest.mark.parametrize(
    "idle", [["--idle-watts", "2"], ["--idle", str(1.7e9 - 3599), str(1.7e9 - 3592)]], ids=" ".join
)
def test_a_meters_energy_stands_beside_the_modelled_one(idle: list[str], tmp_path: Path) -> None:
    metered_store(tmp_path)
    found = json.loads(call([*ENERGY, *idle, "--json"], tmp_path).stdout)["results"]
    assert [(row["number"], row["supersedes"], row["format"]) for row in found] == [(3, 1, "packed"), (4, 2, "int8")]
    # (3 - 2) W and (5 - 2) W for 2 s, of 1000 inferences; the meter sees the step between two blocks 1 ms late.
    assert [row["energy_measured_uj"] for row in found] == pytest.approx([2000, 6000], rel=5e-3)
    assert [row["energy_model_uj"] for row in found] == [4.5, 4.5]
    listed = call(["results"], tmp_path).stdout.splitlines()
    assert "energy_measured_uj" in listed[0]
    assert [line.split()[0] for line in listed[1:]] == ["3", "4"]
    assert "energy_measured_uj" in call(["results", "show", "3"], tmp_path).stdout
    call(["results", "export", "rows.csv"], tmp_path)
    with (tmp_path / "rows.csv").open() as stream:
        assert [float(row["energy_measured_uj"]) for row in csv.DictReader(stream)] == [
            row["energy_measured_uj"] for row in found
        ]


def test_energy_is_measured_anew_only_when_told(tmp_path: Path) -> None:
    metered_store(tmp_path)
    call([*ENERGY, "--idle-watts", "2"], tmp_path)
    results.read(tmp_path / STORE)
    refuse([*ENERGY, "--idle-watts", "0", "--row", "3"], tmp_path, 1, "measured energy already", "--overwrite")
    (row,) = json.loads(call([*ENERGY, "--idle-watts", "0", "--row", "3", "--overwrite", "--json"], tmp_path).stdout)[
        "results"
    ]
    assert (row["number"], row["supersedes"]) == (5, 3)
    assert row["energy_measured_uj"] == pytest.approx(6000, rel=5e-3)


def test_an_older_export_does_not_bring_back_what_has_a_successor(tmp_path: Path) -> None:
    metered_store(tmp_path)
    call(["results", "export", "rows.json"], tmp_path)
    call([*ENERGY, "--idle-watts", "2"], tmp_path)
    done = json.loads(call(["results", "import", "rows.json", "--json"], tmp_path).stdout)
    assert (done["added"], done["known"]) == (0, 2)


@pytest.mark.parametrize(
    ("arguments", "status", "parts"),
    [
        (ENERGY, 2, ["idle board is not known", "--idle-watts", "--idle FROM TO"]),
        ([*ENERGY, "--idle-watts", "2", "--idle", "0", "1"], 2, ["idle power is known, or logged"]),
        ([*ENERGY, "--idle", "noon", "1"], 2, ["idle time is none", "noon"]),
        ([*ENERGY, "--idle", "0", "1"], 1, ["The idle time is not in the meter's log"]),
        ([*ENERGY, "--idle-watts", "-1"], 2, ["-1"]),
        ([*ENERGY, "--idle-watts", "2", "--voltage", "v"], 2, ["voltage times current"]),
        (["results", "energy", "meter.csv", "--voltage", "v", "--idle-watts", "2"], 2, ["both or none"]),
        (["results", "energy", "meter.csv", "--idle-watts", "2"], 2, ["no column 'time', 'power'", "t, mW"]),
        (["results", "energy", "none.csv", "--idle-watts", "2"], 1, ["cannot be read", "none.csv"]),
        ([*ENERGY[:-2], "--idle-watts", "2"], 2, ["No row", "--offset-seconds"]),
        ([*ENERGY, "--idle-watts", "2", "--row", "9"], 2, ["no row of this number"]),
    ],
)
def test_what_users_get_wrong_with_a_meter(arguments: list[str], status: int, parts: list[str], tmp_path: Path) -> None:
    metered_store(tmp_path)
    refuse(arguments, tmp_path, status, *parts)
    assert len(results.read(tmp_path / STORE)) == 2
