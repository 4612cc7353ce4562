"""Trains the networks of a table of the paper, as far as they are not trained, and writes the card."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from edgehybrid.data.source import open_source
from edgehybrid.files import write_output
from edgehybrid.networks import check_trainable
from edgehybrid.reproduction.card import Row, card, rows_of
from edgehybrid.reproduction.record import TrainingRecord, file_name, read_records, record_of, to_json
from edgehybrid.reproduction.switches import Switch, switches_of
from edgehybrid.reproduction.wanted import Wanted

CARD, RECORDS = "RESULTS.md", "results"


class Reproduced(NamedTuple):
    """The rows of the trainings that were asked for, the switches of all, and where the card lies."""

    card: Path
    rows: list[Row]
    switches: list[Switch]

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        rows, switches = ([each.as_dict() for each in part] for part in (self.rows, self.switches))
        return {"card": str(self.card), "rows": rows, "switches": switches}


def reproduce(trainings: Sequence[Wanted], out: Path, bring: Callable[[Wanted], TrainingRecord]) -> Reproduced:
    """Brings what has no record yet to one, one after the other; after each, the record and the card are written.

    Args:
        out: folder of the card and of the folder of records.
        bring: trains, converts and evaluates, as far as that was not done.

    Raises:
        EdgehybridError: no data, or what ``bring`` raises; the records of what was finished before are there.
    """
    folder = out / RECORDS
    records = read_records(folder)
    missing = [one for one in trainings if record_of(one.recipe, records.values()) is None]
    for one in missing:
        check_trainable(one.recipe)
    for data in dict.fromkeys(one.recipe.data for one in missing):
        open_source(data).check()
    # Also when nothing is missing: a record may have been added or taken away by hand.
    _write(out, {}, records)
    for one in missing:
        record = bring(one)
        path = folder / file_name(record.recipe, record.seed, record.epochs, record.recipe_sha256)
        records[path] = record
        _write(out, {path: to_json(record)}, records)
    found = (record_of(one.recipe, records.values()) for one in trainings)
    rows = rows_of(record for record in found if record is not None)
    return Reproduced(out / CARD, rows, switches_of(records.values()))


def _write(out: Path, record: dict[Path, bytes], records: dict[Path, TrainingRecord]) -> None:
    write_output("The card", {**record, out / CARD: card(records[path] for path in sorted(records)).encode()})
