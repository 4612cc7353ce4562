"""Class-per-folder trees: which files, which labels, and what is said of trees that are none."""

from pathlib import Path

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
