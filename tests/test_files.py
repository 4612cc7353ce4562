"""Files that are whole or absent."""

import os
import stat
from pathlib import Path

import pytest
from disks import calls_of_a_new_folder, calls_of_a_write, record_calls

from edgehybrid.errors import EdgehybridError
from edgehybrid.files import make_folder, refuse_existing, write_atomically, write_output, write_together


def test_an_atomic_write_replaces_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old and longer")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_atomic_write_keeps_the_old_content_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(descriptor: int) -> None:
        raise OSError("No space left on device")

    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


# A power loss: what has not reached the disk is gone, names of files and folders too.


def test_a_file_reaches_the_disk_before_its_name_and_then_the_name_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = record_calls(monkeypatch)
    write_atomically(tmp_path / "file", b"content")
    assert calls == calls_of_a_write(tmp_path / "file")


def test_new_folders_reach_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = record_calls(monkeypatch)
    make_folder(tmp_path / "a" / "b")
    assert calls == [*calls_of_a_new_folder(tmp_path / "a"), *calls_of_a_new_folder(tmp_path / "a" / "b")]


def test_files_that_belong_together_are_all_replaced(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    write_together({one: b"1", other: b"2"})
    write_together({one: b"3", other: b"4"})
    assert (one.read_bytes(), other.read_bytes()) == (b"3", b"4")
    assert sorted(tmp_path.iterdir()) == [one, other]


def test_a_disk_that_refuses_the_second_of_two_files_keeps_both_old_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    write_together({one: b"1", other: b"2"})
    synced: list[int] = []

    def full_at_the_second(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == 2:
            raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", full_at_the_second)
    with pytest.raises(OSError, match="No space left"):
        write_together({one: b"3", other: b"4"})
    assert (one.read_bytes(), other.read_bytes()) == (b"1", b"2")
    assert sorted(tmp_path.iterdir()) == [one, other]


@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o600), (0o022, 0o644), (0o002, 0o664)])
def test_the_users_umask_decides_who_may_read(umask: int, mode: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "file", b"content")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_an_existing_output_is_refused_unless_it_may_be_replaced(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("kept")
    refuse_existing([tmp_path / "absent"], overwrite=False)
    refuse_existing([there], overwrite=True)
    with pytest.raises(EdgehybridError, match="there exists already") as refusal:
        refuse_existing([tmp_path / "absent", there], overwrite=False)
    assert "--overwrite" in str(refusal.value)


def test_an_output_makes_its_folders_or_says_why_not(tmp_path: Path) -> None:
    write_output("The page", {tmp_path / "a" / "b" / "page": b"one"})
    assert (tmp_path / "a" / "b" / "page").read_bytes() == b"one"
    (tmp_path / "file").write_text("")
    with pytest.raises(EdgehybridError, match="The page cannot be written"):
        write_output("The page", {tmp_path / "file" / "page": b"one"})
