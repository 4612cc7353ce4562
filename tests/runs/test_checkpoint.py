"""Checkpoints: exact round trip with the optimizer's state, and what is said of damaged ones."""

import errno
import hashlib
import io
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from disks import calls_of_a_new_folder, calls_of_a_write, files_of_at_most, record_calls
from trained_layers import save, tiny

from edgehybrid.errors import RunError
from edgehybrid.model.variables import restore_checkpoint, values_of
from edgehybrid.recipe import load_recipe
from edgehybrid.runs.checkpoint import (
    Progress,
    Record,
    has_checkpoint,
    read_record,
    remove_left_overs,
    save_checkpoint,
    take_back,
    warnings_of,
)
from edgehybrid.runs.run_folder import RunFolder, create_run, open_run


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path, load_recipe("digits"))


@pytest.fixture
def saved(run: RunFolder) -> RunFolder:
    save(run, tiny(1), 1)
    return run


def newest(run: RunFolder) -> Path:
    return run.path / "checkpoint" / read_record(run).file


def test_keeps_the_two_newest_files(run: RunFolder) -> None:
    trained = tiny(1)
    for epoch in (1, 2, 10):
        save(run, trained, epoch)
    names = sorted(path.name for path in (run.path / "checkpoint").iterdir())
    # The older one is for a reader that has just read latest.json.
    assert names == ["epoch-0002-step-0000000.npz", "epoch-0010-step-0000000.npz", "latest.json"]
    assert read_record(run).epoch == 10


def test_keeps_progress_and_extra_arrays(run: RunFolder) -> None:
    # A sum of many float32 losses has all bits of a double: JSON must keep them.
    progress = Progress(epoch=3, step=7, loss_sum=1 / 3, correct=5, images=700, seconds=0.1)
    memory = {"signs.conv1": np.arange(5, dtype=np.uint8)}
    save_checkpoint(run, values_of(*tiny(1)), progress, memory)
    restored: dict[str, Any] = {}
    record = restore_checkpoint(run, *tiny(2), restored)
    assert {key: getattr(record, key) for key in asdict(progress)} == asdict(progress)
    assert list(restored) == ["signs.conv1"]
    np.testing.assert_array_equal(restored["signs.conv1"], memory["signs.conv1"])


def test_a_full_disk_keeps_the_old_checkpoint_and_says_how_to_go_on(
    saved: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"cannot be written: .*No space left") as caught:
        save(saved, tiny(2), 2)
    monkeypatch.undo()
    assert "--resume" in (caught.value.next_step or "")
    assert restore_checkpoint(saved, *tiny(3)).epoch == 1
    assert not [path for path in saved.path.rglob("*") if path.name.endswith(".tmp")]


def test_a_checkpoint_reaches_the_disk_before_latest_json_names_it(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained, folder = tiny(1), run.path / "checkpoint"
    calls = record_calls(monkeypatch)
    record = save(run, trained, 1)
    assert calls == [
        *calls_of_a_new_folder(folder),
        *calls_of_a_write(folder / record.file),
        *calls_of_a_write(folder / "latest.json"),
    ]


def test_removes_what_a_killed_writer_left(saved: RunFolder) -> None:
    left = [
        saved.path / "checkpoint" / ".epoch-0002-step-0000000.npz.123.tmp",
        saved.path / ".metrics.jsonl.123.tmp",
        saved.path / ".recipe.yaml.123.tmp",
        saved.path / ".env.json.123.tmp",
    ]
    for path in left:
        path.write_bytes(b"half")
    remove_left_overs(saved)
    assert not any(path.exists() for path in left)
    assert restore_checkpoint(saved, *tiny(3)).epoch == 1


def test_an_interrupted_save_leaves_the_old_checkpoint(saved: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(path: Path, content: bytes) -> None:
        if path.name == "latest.json":
            raise KeyboardInterrupt
        path.write_bytes(content)

    monkeypatch.setattr("edgehybrid.runs.checkpoint.write_atomically", killed)
    with pytest.raises(KeyboardInterrupt):
        save(saved, tiny(2), 2)
    assert restore_checkpoint(saved, *tiny(3)).epoch == 1


def test_refuses_a_run_without_a_checkpoint(run: RunFolder) -> None:
    with pytest.raises(RunError, match="no checkpoint") as caught:
        read_record(run)
    assert "--resume" in (caught.value.next_step or "")
    assert not has_checkpoint(run)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b"\xff",
        b"{}",
        b"[]",
        b'{"file": 1, "extra": 2}',
        b'{"file": 1, "sha256": "0", "epoch": "one", "recipe_sha256": null}',
    ],
)
def test_refuses_a_damaged_latest_json(saved: RunFolder, content: bytes) -> None:
    (saved.path / "checkpoint" / "latest.json").write_bytes(content)
    with pytest.raises(RunError, match=r"checkpoint is damaged: .*latest\.json"):
        read_record(saved)


@pytest.mark.parametrize(
    ("field", "value"), [("epoch", 2), ("step", 1), ("loss_sum", 0.25), ("seconds", 1.0), ("proven", True)]
)
def test_refuses_a_changed_field(saved: RunFolder, field: str, value: float) -> None:
    latest = saved.path / "checkpoint" / "latest.json"
    latest.write_text(json.dumps(json.loads(latest.read_text()) | {field: value}))
    with pytest.raises(RunError, match=r"checkpoint is damaged: .*latest\.json: the SHA-256 of its fields"):
        read_record(saved)


def test_refuses_a_changed_field_of_the_checkpoint_before(saved: RunFolder) -> None:
    save(saved, tiny(2), 2)
    latest = saved.path / "checkpoint" / "latest.json"
    fields = json.loads(latest.read_text())
    fields["before"]["epoch"] = 0
    latest.write_text(json.dumps(fields))
    with pytest.raises(RunError, match="the SHA-256 of its fields"):
        read_record(saved)


def test_refuses_the_checkpoint_of_another_recipe(saved: RunFolder) -> None:
    other = load_recipe("digits", ["training.seed=3"])
    (saved.path / "recipe.yaml").write_text(other.to_yaml())
    with pytest.raises(RunError, match="checkpoint of another recipe"):
        read_record(open_run(saved.path))


def test_refuses_a_flipped_bit(saved: RunFolder) -> None:
    path = newest(saved)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunError, match="SHA-256 is not the recorded one"):
        restore_checkpoint(saved, *tiny(1))


def test_refuses_a_truncated_file(saved: RunFolder) -> None:
    path = newest(saved)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RunError, match="SHA-256 is not the recorded one"):
        restore_checkpoint(saved, *tiny(1))


def test_refuses_a_missing_file(saved: RunFolder) -> None:
    newest(saved).unlink()
    with pytest.raises(RunError, match="checkpoint is damaged"):
        restore_checkpoint(saved, *tiny(1))


def record_again(run: RunFolder, content: bytes) -> None:
    """Replaces the newest file, and its hash in latest.json."""
    path, latest = newest(run), run.path / "checkpoint" / "latest.json"
    path.write_bytes(content)
    changes = {"sha256": hashlib.sha256(content).hexdigest(), "record_sha256": None}
    record = json.loads(latest.read_text()) | changes
    latest.write_text(json.dumps(record))


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 no archive"])
def test_refuses_a_file_that_is_no_archive(saved: RunFolder, content: bytes) -> None:
    record_again(saved, content)
    with pytest.raises(RunError, match="checkpoint is damaged"):
        restore_checkpoint(saved, *tiny(1))


def test_refuses_arrays_that_are_too_few(saved: RunFolder) -> None:
    stream = io.BytesIO()
    np.savez(stream, **{"0000": np.zeros((3, 3, 2, 2), np.float32)})
    record_again(saved, stream.getvalue())
    with pytest.raises(RunError, match="not those of this network"):
        restore_checkpoint(saved, *tiny(1))


# Weights that turn out to be no good.


def kept_after(run: RunFolder, epoch: int) -> int | None:
    """The epoch of the checkpoint that is kept when the first step after this epoch fails; None for no checkpoint."""
    kept = take_back(run, Progress(epoch=epoch))
    assert has_checkpoint(run) == (kept is not None)
    if kept is None:
        return None
    assert read_record(run) == kept
    assert restore_checkpoint(run, *tiny(3)) == kept
    return kept.epoch


@pytest.fixture
def thrice(run: RunFolder) -> RunFolder:
    trained = tiny(1)
    for epoch in (1, 2, 3):
        save(run, trained, epoch)
    return run


def test_a_checkpoint_whose_first_step_fails_is_taken_back(thrice: RunFolder) -> None:
    assert kept_after(thrice, 3) == 2


def test_a_checkpoint_whose_later_step_fails_is_kept(thrice: RunFolder) -> None:
    assert take_back(thrice, Progress(epoch=3, step=1)) == read_record(thrice)
    assert read_record(thrice).epoch == 3


def test_a_proven_checkpoint_is_never_taken_back(thrice: RunFolder) -> None:
    assert [kept_after(thrice, epoch) for epoch in (3, 2, 2)] == [2, 2, 2]


def test_the_only_checkpoint_is_taken_back_too(saved: RunFolder) -> None:
    assert kept_after(saved, 1) is None
    assert take_back(saved, Progress(epoch=0)) is None


def test_a_checkpoint_after_one_was_taken_back_has_the_same_one_before_it(thrice: RunFolder) -> None:
    take_back(thrice, Progress(epoch=3))
    save(thrice, tiny(2), 3)
    assert kept_after(thrice, 3) == 2


def test_a_record_of_an_earlier_version_is_read_and_followed(saved: RunFolder) -> None:
    latest = saved.path / "checkpoint" / "latest.json"
    fields = json.loads(latest.read_text())
    del fields["proven"], fields["before"], fields["record_sha256"]
    latest.write_text(json.dumps(fields))
    save(saved, tiny(2), 2)
    assert kept_after(saved, 2) == 1


def test_a_full_disk_that_keeps_bad_weights_says_so(thrice: RunFolder) -> None:
    with files_of_at_most(0), pytest.raises(RunError, match="cannot be written"):
        take_back(thrice, Progress(epoch=3))
    assert kept_after(thrice, 3) == 2


# A training that is not finished.


def record_of(run: RunFolder, epoch: int, step: int = 0) -> Record:
    return Record(epoch=epoch, step=step, file="a.npz", sha256="0" * 64, recipe_sha256=run.recipe_sha256)


@pytest.mark.parametrize(
    ("epoch", "step", "words"),
    [(3, 0, "3 of 12 epochs."), (11, 40, "11 of 12 epochs, and 40 steps of the next."), (0, 1, "0 of 12 epochs, and")],
)
def test_warns_of_a_training_that_is_not_finished(epoch: int, step: int, words: str, tmp_path: Path) -> None:
    run = create_run(tmp_path, load_recipe("digits", ["training.epochs=12"]))
    (warning,) = warnings_of(run, record_of(run, epoch, step))
    assert f"The training is not finished: {words}" in warning
    assert f"'edgehybrid train --resume {run.path}'" in warning


def test_says_nothing_of_a_finished_training(tmp_path: Path) -> None:
    run = create_run(tmp_path, load_recipe("digits", ["training.epochs=12"]))
    assert warnings_of(run, record_of(run, 12)) == []
