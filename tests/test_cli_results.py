"""The installed command ``results``: list, show, export and import."""

import csv
import io
import json
from pathlib import Path

import pytest
from processes import call, refuse
from report_samples import make_row

from edgehybrid import results
from edgehybrid.results import Row

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
    assert size.endswith("bytes of the flatbuffer")
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
