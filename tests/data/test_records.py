"""ImageNet by tensorflow-datasets, prepared from archives of a few images; and what is said where it is not."""

import functools
import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgehybrid.data.records import prepared_imagenet
from edgehybrid.data.source import open_source
from edgehybrid.errors import DataError
from edgehybrid.model.compat import tf
from edgehybrid.recipe import Data
from edgehybrid.recipe.training import PaddedCrop

tfds = pytest.importorskip("tensorflow_datasets")

# tfds' own first three classes; an image of class c has the grey level 60·c + 20.
CLASSES = ("n01440764", "n01443537", "n01484850")
TRAIN_A_CLASS, VALIDATION = 4, 5
DATA = Data.model_validate({"dataset": "imagenet2012", "image_side": 16})


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def grey(level: int) -> bytes:
    return bytes(tf.io.encode_jpeg(np.full((20, 30, 3), level, np.uint8)).numpy())


def write_archives(folder: Path) -> None:
    """The two archives of image-net.org: of an archive a class, and of validation images."""
    folder.mkdir(parents=True)
    with tarfile.open(folder / "ILSVRC2012_img_train.tar", "w") as outer:
        for label, name in enumerate(CLASSES):
            stream = io.BytesIO()
            with tarfile.open(fileobj=stream, mode="w") as inner:
                for number in range(TRAIN_A_CLASS):
                    add(inner, f"{name}_{number}.JPEG", grey(60 * label + 20))
            add(outer, f"{name}.tar", stream.getvalue())
    with tarfile.open(folder / "ILSVRC2012_img_val.tar", "w") as outer:
        for number in range(1, VALIDATION + 1):
            add(outer, f"ILSVRC2012_val_{number:08}.JPEG", grey(100))


def at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEHYBRID_DATA", raising=False)
    monkeypatch.setattr(tfds, "builder", functools.partial(tfds.builder, data_dir=folder))


def prepare(folder: Path, file_format: str) -> None:
    write_archives(folder / "downloads" / "manual")
    tfds.builder("imagenet2012", data_dir=folder, file_format=file_format).download_and_prepare()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tfds")
    prepare(folder, "array_record")
    return folder


def test_trains_on_prepared_images_with_their_labels(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at(prepared, monkeypatch)
    source = open_source(DATA)
    source.check()
    assert (source.training_images, source.test_images) == (12, VALIDATION)
    found = [
        (float(image.numpy().mean()), int(label))
        for images, labels in source.training_batches(PaddedCrop(crop_padding_pixels=0), 5, seed=1, epoch=1)
        for image, label in zip(images, labels, strict=True)
    ]
    assert sorted(label for _, label in found) == [0] * 4 + [1] * 4 + [2] * 4
    for mean, label in found:
        expected = np.mean(((60 * label + 20) / 255 - np.array(DATA.mean)) / DATA.std)
        # JPEG may round by 1 of 255, over a deviation of at least 0.224.
        assert mean == pytest.approx(expected, abs=1 / 255 / 0.224)


def test_labels_are_read_once(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at(prepared, monkeypatch)
    first = prepared_imagenet("train", 1000).labels
    [kept] = prepared.rglob("edgehybrid-train-labels.npy")
    np.testing.assert_array_equal(np.load(kept), first)
    np.save(kept, first[::-1])
    np.testing.assert_array_equal(prepared_imagenet("train", 1000).labels, first[::-1])
    # Of another number of images: not those of these records.
    np.save(kept, first[1:])
    np.testing.assert_array_equal(prepared_imagenet("train", 1000).labels, first)
    kept.write_bytes(b"damaged")
    np.testing.assert_array_equal(prepared_imagenet("train", 1000).labels, first)


def test_names_the_image_that_cannot_be_decoded(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at(prepared, monkeypatch)
    part = prepared_imagenet("test", 1000)
    records: list[Any] = [part.records[place] for place in range(VALIDATION)]
    records[3]["image"] = b"no image"
    monkeypatch.setattr("edgehybrid.data.source.prepared_imagenet", lambda *_: part._replace(records=records))
    with pytest.raises(DataError, match="cannot be read as an image") as caught:
        list(open_source(DATA).evaluation_batches("test"))
    assert str(caught.value).startswith(records[3]["file_name"].decode())


def test_says_which_archives_to_get_and_where_to_put_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at(tmp_path, monkeypatch)
    with pytest.raises(DataError, match="cannot be downloaded without an account") as caught:
        open_source(DATA).check()
    text = str(caught.value)
    assert f"put ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar into {tmp_path}/downloads/manual" in text
    assert "https://image-net.org/download-images" in text
    assert ".download_and_prepare()" in text
    assert "train/<class>/*.JPEG" in text
    assert list(tmp_path.iterdir()) == []


def test_refuses_files_without_random_access(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(tmp_path, "tfrecord")
    at(tmp_path, monkeypatch)
    with pytest.raises(DataError, match="cannot be read in any order") as caught:
        prepared_imagenet("train", 1000)
    assert (caught.value.received or "").startswith("TFRECORD in")
    assert "array_record" in (caught.value.next_step or "")


def test_refuses_another_number_of_classes(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at(prepared, monkeypatch)
    with pytest.raises(DataError, match="another number of classes"):
        prepared_imagenet("train", 10)
