"""The pass over all files: what is said of one that is unfit, of many, and of what cannot be opened."""

import os
from pathlib import Path

import numpy as np
import pytest
from image_kinds import SOUND, UNFIT, turned

from edgehybrid.data import image_check
from edgehybrid.data.folders import ImageFiles
from edgehybrid.data.image_check import check_images
from edgehybrid.errors import DataError


def files_of(*paths: Path) -> ImageFiles:
    count = len(paths)
    return ImageFiles(tuple(map(str, paths)), np.arange(count), np.ones(count, np.uint8), ("a note",))


def write(folder: Path, **contents: bytes) -> list[Path]:
    paths = []
    for name, content in contents.items():
        paths.append(folder / f"{name}.JPEG")
        paths[-1].write_bytes(content)
    return paths


def test_every_file_gets_its_orientation_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_check, "AT_ONCE", 2)
    orientations = [1, 6, 3, 8, 2, 1, 5]
    contents = {f"i{place}": turned("JPEG", value).content for place, value in enumerate(orientations)}
    files = files_of(*write(tmp_path, **contents))
    checked = check_images(files)
    assert checked.orientations.tolist() == orientations
    assert checked.orientations.dtype == np.uint8
    assert checked._replace(orientations=files.orientations) == files


def test_a_header_longer_than_what_is_read_first(tmp_path: Path) -> None:
    exif = turned("JPEG", 6).content
    place = exif.index(b"\xff\xe1")
    comment = b"\xff\xfe" + (60_002).to_bytes(2, "big") + b"\xff\xd9" * 30_000
    for count, content in enumerate((exif, exif[:place] + comment + exif[place:])):
        (path,) = write(tmp_path, **{f"x{count}": content})
        assert check_images(files_of(path)).orientations.tolist() == [6]
    # Without its end, and with such bytes in its header.
    (path,) = write(tmp_path, cut=(exif[:place] + comment + exif[place:])[:-2])
    with pytest.raises(DataError, match="it has no end"):
        check_images(files_of(path))


def test_names_the_one_unfit_file_and_the_reason(tmp_path: Path) -> None:
    paths = write(tmp_path, sound=SOUND["jpeg"]().content, html=UNFIT["html"][0]())
    with pytest.raises(DataError) as caught:
        check_images(files_of(*paths))
    assert caught.value.what == f"{paths[1]}: this is a page of HTML or XML."
    assert "JPEG, PNG" in (caught.value.allowed or "")


def test_names_ten_of_many_unfit_files_and_their_number(tmp_path: Path) -> None:
    paths = write(tmp_path, sound=SOUND["jpeg"]().content, **{f"e{number:02}": b"" for number in range(13)})
    with pytest.raises(DataError, match=r"^13 files among the images") as caught:
        check_images(files_of(*paths))
    text = str(caught.value)
    assert text.count(": the file is empty.") == 10
    assert "e09.JPEG" in text
    assert "and 3 more" in text


def test_says_of_what_cannot_be_opened_why(tmp_path: Path) -> None:
    folder, absent, loop = tmp_path / "a.JPEG", tmp_path / "b.JPEG", tmp_path / "c.JPEG"
    folder.mkdir()
    loop.symlink_to(loop.name)
    with pytest.raises(DataError) as caught:
        check_images(files_of(folder, absent, loop))
    text = str(caught.value)
    assert f"{folder}: the file cannot be read: Is a directory." in text
    assert f"{absent}: the file cannot be read: No such file or directory." in text
    assert f"{loop}: the file cannot be read: Too many levels of symbolic links." in text


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "a.JPEG")
    with pytest.raises(DataError, match="cannot be read"):
        check_images(files_of(pipe))


def test_names_that_are_no_text_are_opened_and_shown(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff\n.JPEG")
    path.write_bytes(SOUND["jpeg"]().content)
    assert check_images(files_of(path)).orientations.tolist() == [1]
    path.write_bytes(b"")
    with pytest.raises(DataError) as caught:
        check_images(files_of(path))
    assert caught.value.what == f"{tmp_path}/\\udcff\\n.JPEG: the file is empty."
