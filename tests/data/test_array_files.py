"""Names of array files: which are of the form, which are refused, and which are named and left alone."""

from pathlib import Path

import pytest

from edgehybrid.data.array_files import holds_arrays, list_arrays
from edgehybrid.errors import DataError

WHOLE = ("train-images.npy", "train-labels.npy", "test-images.npy", "test-labels.npy")


def write(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def refusal(folder: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        list_arrays(folder)
    return caught.value


def test_finds_the_pairs_of_both_halves_in_order(tmp_path: Path) -> None:
    found = list_arrays(
        write(
            tmp_path,
            *("train-b-images.npy.xz", "train-b-labels.npy", "train-a-images.npy", "train-a-labels.npy.xz"),
            *("test-images.npy.xz", "test-labels.npy.xz"),
        )
    )
    assert [(pair.stem, pair.images.name, pair.labels.name) for pair in found.train] == [
        ("train-a", "train-a-images.npy", "train-a-labels.npy.xz"),
        ("train-b", "train-b-images.npy.xz", "train-b-labels.npy"),
    ]
    assert [pair.stem for pair in found.test] == ["test"]
    assert found.notes == ()


def test_of_a_file_and_its_packed_copy_the_plain_one_is_read(tmp_path: Path) -> None:
    found = list_arrays(write(tmp_path, *WHOLE, "train-images.npy.xz", "test-labels.npy.xz"))
    assert [pair.images.name for pair in found.train] == ["train-images.npy"]
    assert [pair.labels.name for pair in found.test] == ["test-labels.npy"]
    (note,) = found.notes
    assert note.endswith("the same file without .xz is there: test-labels.npy.xz, train-images.npy.xz.")


@pytest.mark.parametrize(
    "name",
    [
        "val-images.npy",
        "val-labels.npy.xz",
        "train-images (1).npy",
        "train-images.npy.gz",
        "train-images.npz",
        "Train-images.npy",
        "train-images.NPY",
        "train_images.npy",
        "images.npy",
        "copy of train-images.npy",
    ],
)
def test_refuses_what_may_be_meant_as_data(tmp_path: Path, name: str) -> None:
    refused = refusal(write(tmp_path, *WHOLE, name))
    assert refused.what.startswith(f"{tmp_path / name}: this may be meant as images or labels")
    assert "train*-images.npy[.xz]" in (refused.allowed or "")


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "LICENSE",
        "train-images.npy.sha256",
        "train-images.npy.bak",
        "train-images.npy~",
        "#train-images.npy#",
        "cifar-100-binary.tar.gz",
        "Thumbs.db",
    ],
)
def test_names_what_is_no_data(tmp_path: Path, name: str) -> None:
    found = list_arrays(write(tmp_path, *WHOLE, name))
    assert len(found.train) == len(found.test) == 1
    (note,) = found.notes
    assert note == f"{tmp_path}: not read, because the names are not those of arrays: {name}."


@pytest.mark.parametrize("name", [".#train-images.npy", ".train-images.npy.swp", "._train-images.npy", ".DS_Store"])
def test_ignores_hidden_files(tmp_path: Path, name: str) -> None:
    assert list_arrays(write(tmp_path, *WHOLE, name)) == list_arrays(write(tmp_path, *WHOLE))
    assert list_arrays(tmp_path).notes == ()


@pytest.mark.parametrize("kind", ["images", "labels"])
@pytest.mark.parametrize("half", ["train", "test"])
def test_refuses_images_or_labels_alone(tmp_path: Path, half: str, kind: str) -> None:
    refused = refusal(write(tmp_path, *WHOLE, f"{half}-b-{kind}.npy"))
    missing = {"images": "labels", "labels": "images"}[kind]
    assert f"A data file is missing: {tmp_path / half}-b-{missing}.npy" in refused.what
    assert refused.received == f"{half}-b-{kind}.npy alone"


def test_a_note_names_ten_files_and_counts_the_rest(tmp_path: Path) -> None:
    (note,) = list_arrays(write(tmp_path, *WHOLE, *(f"{number:02}.txt" for number in range(13)))).notes
    assert note.endswith("08.txt, 09.txt and 3 more.")


def test_a_name_with_a_line_break_stays_on_one_line(tmp_path: Path) -> None:
    (note,) = list_arrays(write(tmp_path, "a\nb\x1b[31m.txt")).notes
    assert note.endswith(r"a\nb\x1b[31m.txt.")


def test_folders_are_none_of_the_arrays(tmp_path: Path) -> None:
    (tmp_path / "imagenet2012").mkdir()
    assert list_arrays(tmp_path) == ((), (), ())


def test_a_folder_that_may_be_meant_as_images_is_named(tmp_path: Path) -> None:
    (tmp_path / "train-a").mkdir()
    (note,) = list_arrays(tmp_path).notes
    assert note.endswith(": train-a.")


def test_a_folder_that_is_not_there_has_no_arrays(tmp_path: Path) -> None:
    assert list_arrays(tmp_path / "absent") == ((), (), ())


def test_holds_arrays_where_a_name_is_of_the_form(tmp_path: Path) -> None:
    assert not holds_arrays(write(tmp_path, "train-images.npy~", "val-images.npy", "README.md"))
    assert holds_arrays(write(tmp_path, "train-b-labels.npy.xz"))
