"""Class-per-folder trees: which files, which labels, and what is said of trees that are none."""

import os
from pathlib import Path

import numpy as np
import pytest

from edgehybrid.data.folders import list_tree
from edgehybrid.errors import DataError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two classes; ``b`` comes before ``c`` though it is made later. The files are not images: only names count."""
    for name in ("train/c/1.JPEG", "train/c/0.jpg", "train/b/x.png", "val/c/0.JPEG", "val/b/0.JPEG"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path


def test_sorted_class_names_are_the_labels(tree: Path) -> None:
    found = list_tree(tree, "train", 2)
    assert [Path(path).relative_to(tree).as_posix() for path in found.paths] == [
        "train/b/x.png",
        "train/c/0.jpg",
        "train/c/1.JPEG",
    ]
    assert found.labels.tolist() == [0, 1, 1]


def test_test_images_are_those_of_val(tree: Path) -> None:
    assert list_tree(tree, "test", 2).paths == (str(tree / "val/b/0.JPEG"), str(tree / "val/c/0.JPEG"))


def test_val_alone_is_enough_for_evaluation(tree: Path) -> None:
    (tree / "train").rename(tree / "elsewhere")
    assert list_tree(tree, "test", 2).labels.tolist() == [0, 1]


def refusal(folder: Path, name: str = "train", classes: int = 2) -> str:
    with pytest.raises(DataError) as caught:
        list_tree(folder, name, classes)  # type: ignore[arg-type]
    return str(caught.value)


def test_refuses_another_number_of_classes(tree: Path) -> None:
    text = refusal(tree, classes=1000)
    assert "received: 2 class folders" in text
    assert "allowed: data.classes: 1000" in text
    assert "set data.classes to 2" in text


def test_names_a_missing_val(tree: Path) -> None:
    (tree / "val").rename(tree / "validation")
    assert f"in {tree / 'val'}" in (text := refusal(tree, "test"))
    assert "The folder of images has no 'val'" in text


def test_names_an_empty_class(tree: Path) -> None:
    (tree / "train/b/x.png").unlink()
    assert f"{tree / 'train/b'}: the class has no image" in refusal(tree)


def test_names_a_file_that_is_no_image(tree: Path) -> None:
    (tree / "train/b/notes.txt").write_text("")
    assert f"{tree / 'train/b/notes.txt'}: this is no image, by its name" in refusal(tree)


def test_names_a_file_among_the_class_folders(tree: Path) -> None:
    (tree / "train/labels.csv").write_text("")
    assert f"{tree / 'train/labels.csv'}: a file stands among the class folders" in refusal(tree)


def test_names_a_folder_that_cannot_be_read(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    # Not by the folder's mode, which does not hold an administrator back.
    monkeypatch.setattr("os.scandir", refuse)
    assert f"{tree / 'train'}: the folder cannot be read: Permission denied" in refusal(tree)


def test_names_a_class_of_one_half_only(tree: Path) -> None:
    (tree / "val/b").rename(tree / "val/a")
    text = refusal(tree)
    assert "train/ and val/ have different classes" in text
    assert "2 class folders in only one of the two, such as 'a'" in text


@pytest.mark.parametrize(
    "name",
    [".DS_Store", "._0.jpg", "Thumbs.db", "desktop.ini", ".0.jpg.swp", ".ipynb_checkpoints/0.jpg", "@eaDir/0.jpg"],
)
@pytest.mark.parametrize("where", ["train/b", "train"])
def test_skips_and_counts_what_programs_leave(tree: Path, where: str, name: str) -> None:
    before = list_tree(tree, "train", 2)
    left = tree / where / name
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"")
    found = list_tree(tree, "train", 2)
    assert found.paths == before.paths
    assert before.notes == ()
    assert found.notes == (f"{tree / 'train'}: 1 skipped, which are no images: {name.split('/')[0]}.",)


def test_a_name_in_every_class_is_counted_each_time_and_named_once(tree: Path) -> None:
    for name in ("train", "train/b", "train/c"):
        (tree / name / ".DS_Store").write_bytes(b"")
    (note,) = list_tree(tree, "train", 2).notes
    assert note.endswith("3 skipped, which are no images: .DS_Store.")
    assert list_tree(tree, "test", 2).notes == ()


def test_a_class_of_hidden_files_only_has_no_image(tree: Path) -> None:
    (tree / "train/b/x.png").rename(tree / "train/b/.x.png")
    assert f"{tree / 'train/b'}: the class has no image" in refusal(tree)


def test_names_a_folder_among_the_images_of_a_class(tree: Path) -> None:
    (tree / "train/b/more.jpg").mkdir()
    assert f"{tree / 'train/b/more.jpg'}: a folder stands among the images of a class" in refusal(tree)


@pytest.mark.parametrize("target", ["absent", "link.jpg"], ids=["broken", "looping"])
@pytest.mark.parametrize("where", ["train/b", "train"])
def test_names_a_link_that_leads_nowhere(tree: Path, where: str, target: str) -> None:
    link = tree / where / "link.jpg"
    link.symlink_to(target)
    assert f"{link}: the link leads to no file" in refusal(tree)


def test_follows_links_to_images_and_to_classes(tree: Path) -> None:
    (tree / "train/c").rename(tree / "elsewhere")
    (tree / "train/c").symlink_to("../elsewhere")
    (tree / "train/b/y.jpg").symlink_to("x.png")
    found = list_tree(tree, "train", 2)
    assert [Path(path).name for path in found.paths] == ["x.png", "y.jpg", "0.jpg", "1.JPEG"]
    assert found.labels.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("target", [".", "..", "../.."])
def test_a_link_to_a_folder_above_is_refused(tree: Path, target: str) -> None:
    (tree / "train/b/loop").symlink_to(target)
    assert f"{tree / 'train/b/loop'}: a folder stands among the images" in refusal(tree)


def test_two_classes_that_are_one_folder_are_refused(tree: Path) -> None:
    for half in ("train", "val"):
        (tree / half / "d").symlink_to("b")
    assert f"{tree / 'train/d'}: this class folder is that of class 'b', too" in refusal(tree, classes=3)


def test_names_what_is_neither_file_nor_folder(tree: Path) -> None:
    os.mkfifo(tree / "train/b/pipe.jpg")
    assert f"{tree / 'train/b/pipe.jpg'}: this is neither a file nor a folder" in refusal(tree)


def test_any_suffix_of_an_allowed_format_in_any_case(tree: Path) -> None:
    names = ("a.JPG", "a.jpeg", "a.Jpe", "a.jfif", "a.PNG", "a.gif", "a.bmp", "a.webp")
    for name in names:
        (tree / "train/b" / name).write_bytes(b"")
    paths = list_tree(tree, "train", 2).paths
    assert {Path(path).name for path in paths if "/b/" in path} == {*names, "x.png"}


def test_names_may_hold_line_breaks_and_bytes_that_are_no_text(tree: Path) -> None:
    strange = (os.fsdecode(b"\xff\n.jpg"), "zwei\nZeilen.jpg")
    for name in strange:
        (tree / "train/b" / name).write_bytes(b"")
    paths = list_tree(tree, "train", 2).paths
    assert {Path(path).name for path in paths if "/b/" in path} == {*strange, "x.png"}
    (tree / "train/b" / "a\nb.txt").write_bytes(b"")
    assert f"{tree}/train/b/a\\nb.txt: this is no image, by its name" in refusal(tree)


def test_before_files_are_read_each_is_as_it_is_stored(tree: Path) -> None:
    found = list_tree(tree, "train", 2)
    np.testing.assert_array_equal(found.orientations, np.ones(3, np.uint8))
