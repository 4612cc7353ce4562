"""Digits and local array files: shapes, splits, and what is said of files that do not fit."""

import functools
import io
import lzma
import os
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from edgehybrid.data import arrays
from edgehybrid.data.arrays import folder_of, load_split, normalise
from edgehybrid.errors import DataError
from edgehybrid.recipe import Data

SEED = 7


def data_of(**keys: Any) -> Data:
    return Data.model_validate(keys)


def write_pair(folder: Path, stem: str, images: NDArray[Any], labels: NDArray[Any], packed: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for kind, array in (("images", images), ("labels", labels)):
        path = folder / f"{stem}-{kind}.npy"
        np.save(path, array)
        if packed:
            path.with_name(f"{path.name}.xz").write_bytes(lzma.compress(path.read_bytes()))
            path.unlink()


class Pictures(NamedTuple):
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


def pictures(count: int, side: int = 32) -> Pictures:
    rng = np.random.default_rng(SEED)
    images = rng.integers(0, 256, (count, side, side, 3), np.uint8)
    return Pictures(images, rng.integers(0, 100, count).astype(np.int64))


@pytest.fixture(autouse=True)
def _no_folder_from_outside(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "real" not in request.node.name:
        monkeypatch.delenv("EDGEHYBRID_DATA", raising=False)


@pytest.mark.parametrize("side", [8, 16, 24])
def test_digits_have_the_recipes_side(side: int) -> None:
    split = load_split(data_of(dataset="digits", image_side=side), "test")
    assert split.images.shape == (360, side, side, 1)
    assert split.images.dtype == np.uint8
    assert split.labels.shape == (360,)
    assert split.labels.dtype == np.int64


def test_digits_span_all_grey_levels_and_classes() -> None:
    split = load_split(data_of(dataset="digits"), "train")
    assert (split.images.min(), split.images.max()) == (0, 255)
    assert set(split.labels) == set(range(10))


def test_larger_digits_repeat_each_pixel() -> None:
    small = load_split(data_of(dataset="digits", image_side=8), "test").images
    large = load_split(data_of(dataset="digits", image_side=24), "test").images
    for row in range(3):
        for column in range(3):
            np.testing.assert_array_equal(large[:, row::3, column::3], small)


def test_digits_split_is_disjoint_and_complete() -> None:
    from sklearn.datasets import load_digits

    data = data_of(dataset="digits", image_side=8)
    train, test = load_split(data, "train"), load_split(data, "test")
    assert (len(train.images), len(test.images)) == (1797 - 360, 360)

    # The source has 16 grey levels above 0, ours 255: round(ours · 16 / 255) is the source again. As a multiset of
    # (image, label), training and test together are the source: nothing twice, nothing lost.
    def rows(images: NDArray[Any], labels: NDArray[Any]) -> list[bytes]:
        return [i.astype(np.uint8).tobytes() + bytes([n]) for i, n in zip(images, labels, strict=True)]

    ours = [row for part in (train, test) for row in rows(np.round(part.images[..., 0] * (16 / 255)), part.labels)]
    source = load_digits()
    assert sorted(ours) == sorted(rows(source.images, source.target))


def test_digits_split_is_the_same_each_time() -> None:
    data = data_of(dataset="digits")
    first, second = load_split(data, "test"), load_split(data, "test")
    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.labels, second.labels)


def test_refuses_digits_of_a_side_that_is_no_multiple_of_8() -> None:
    with pytest.raises(DataError, match="whole number") as caught:
        load_split(data_of(dataset="digits", image_side=12), "train")
    assert caught.value.allowed == "a multiple of 8"


@pytest.mark.parametrize("packed", [False, True])
def test_reads_what_was_written(tmp_path: Path, packed: bool) -> None:
    written = pictures(5)
    write_pair(tmp_path, "test", *written, packed=packed)
    read = load_split(data_of(dataset="cifar100", path=str(tmp_path)), "test")
    np.testing.assert_array_equal(read.images, written.images)
    np.testing.assert_array_equal(read.labels, written.labels)


def test_joins_training_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    written = pictures(7)
    write_pair(tmp_path, "train-2", written.images[4:], written.labels[4:].astype(np.uint8), packed=True)
    write_pair(tmp_path, "train-1", written.images[:4], written.labels[:4])
    write_pair(tmp_path, "test", written.images[:1], written.labels[:1])
    read = load_split(data_of(dataset="cifar100", path=str(tmp_path)), "train")
    np.testing.assert_array_equal(read.images, written.images)
    np.testing.assert_array_equal(read.labels, written.labels)
    assert read.labels.dtype == np.int64


def test_a_file_and_its_packed_copy_are_one_array(tmp_path: Path) -> None:
    written = pictures(5)
    write_pair(tmp_path, "train", *written)
    write_pair(tmp_path / "packed", "train", *written, packed=True)
    for name in ("train-images.npy.xz", "train-labels.npy.xz"):
        (tmp_path / "packed" / name).rename(tmp_path / name)
    read = load_split(data_of(dataset="cifar100", path=str(tmp_path)), "train")
    np.testing.assert_array_equal(read.images, written.images)
    np.testing.assert_array_equal(read.labels, written.labels)
    (note,) = read.notes
    assert "not read, because the same file without .xz is there: train-images.npy.xz, train-labels.npy.xz" in note


def test_what_is_no_data_is_named_and_not_read(tmp_path: Path) -> None:
    write_pair(tmp_path, "train", *pictures(5))
    for name in ("train-images.npy~", "train-images.npy.bak", "train-images.npy.sha256", "README.md", ".#x.npy"):
        (tmp_path / name).write_bytes(b"nothing of use")
    read = load_split(data_of(dataset="cifar100", path=str(tmp_path)), "train")
    assert len(read.images) == 5
    (note,) = read.notes
    assert note.endswith(": README.md, train-images.npy.bak, train-images.npy.sha256, train-images.npy~.")


@pytest.mark.parametrize("copied", [slice(None), slice(2), slice(3, 4)], ids=["all", "two", "one"])
def test_refuses_a_copy_of_training_images_under_another_name(tmp_path: Path, copied: slice) -> None:
    images, labels = pictures(5)
    write_pair(tmp_path, "train-a", images, labels)
    write_pair(tmp_path, "train-b", images[copied], labels[copied], packed=True)
    with pytest.raises(DataError, match="every image of this file is in") as caught:
        load_split(data_of(dataset="cifar100", path=str(tmp_path)), "train")
    assert "train-a-images.npy" in caught.value.what
    assert "train-b-images.npy.xz" in caught.value.what


def test_parts_that_share_an_image_are_two_parts(tmp_path: Path) -> None:
    # As CIFAR-100's own files do.
    images, labels = pictures(9)
    write_pair(tmp_path, "train-a", images[:5], labels[:5])
    write_pair(tmp_path, "train-b", images[4:], labels[4:])
    assert len(load_split(data_of(dataset="cifar100", path=str(tmp_path)), "train").images) == 10


def test_an_empty_variable_names_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEHYBRID_DATA", "")
    assert folder_of(data_of(dataset="cifar100")) is None
    assert folder_of(data_of(dataset="cifar100", path="here")) == Path("here")


def test_looks_in_the_data_sets_folder_below_the_environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pair(tmp_path / "cifar100", "test", *pictures(3))
    monkeypatch.setenv("EDGEHYBRID_DATA", str(tmp_path))
    assert len(load_split(data_of(dataset="cifar100"), "test").images) == 3


def test_the_recipes_folder_goes_before_the_environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pair(tmp_path / "recipe", "test", *pictures(3))
    write_pair(tmp_path / "environment", "test", *pictures(4))
    monkeypatch.setenv("EDGEHYBRID_DATA", str(tmp_path / "environment"))
    assert len(load_split(data_of(dataset="cifar100", path=str(tmp_path / "recipe")), "test").images) == 3


def refusal(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        load_split(data_of(dataset="cifar100", path=str(folder)), "test")
    return str(caught.value)


def test_names_a_missing_labels_file(tmp_path: Path) -> None:
    write_pair(tmp_path, "test", *pictures(3))
    (tmp_path / "test-labels.npy").unlink()
    assert "A data file is missing" in (text := refusal(tmp_path))
    assert "test-labels.npy" in text


@pytest.mark.parametrize("packed", [False, True])
def test_names_a_truncated_file(tmp_path: Path, packed: bool) -> None:
    write_pair(tmp_path, "test", *pictures(3), packed=packed)
    path = tmp_path / ("test-images.npy.xz" if packed else "test-images.npy")
    path.write_bytes(path.read_bytes()[:-100])
    assert f"{path}: the data file is damaged" in refusal(tmp_path)


@pytest.mark.parametrize("packed", [False, True])
def test_refuses_two_arrays_in_one_file(tmp_path: Path, packed: bool) -> None:
    write_pair(tmp_path, "test", *pictures(3), packed=packed)
    path = tmp_path / ("test-images.npy.xz" if packed else "test-images.npy")
    # Streams of xz may follow each other; together they are the stream of what they hold.
    path.write_bytes(path.read_bytes() * 2)
    assert f"{path}: bytes follow the array" in refusal(tmp_path)


@pytest.mark.parametrize("images", [10**15, 10**30])
def test_names_a_file_whose_header_tells_of_more_images_than_memory_holds(tmp_path: Path, images: int) -> None:
    write_pair(tmp_path, "test", *pictures(3))
    path = tmp_path / "test-images.npy"
    header = io.BytesIO()
    fields = {"descr": "|u1", "fortran_order": False, "shape": (images, 32, 32, 3)}
    np.lib.format.write_array_header_1_0(header, fields)
    path.write_bytes(header.getvalue() + bytes(3 * 32 * 32 * 3))
    assert f"{path}: the data file is damaged" in refusal(tmp_path)


def test_refuses_images_of_another_dtype(tmp_path: Path) -> None:
    images, labels = pictures(3)
    write_pair(tmp_path, "test", images.astype(np.float32), labels)
    assert "images float32 (3, 32, 32, 3)" in refusal(tmp_path)


def test_refuses_labels_that_are_no_integers(tmp_path: Path) -> None:
    images, labels = pictures(3)
    write_pair(tmp_path, "test", images, labels + 0.5)
    assert "labels float64 (3,)" in refusal(tmp_path)


def test_refuses_fewer_labels_than_images(tmp_path: Path) -> None:
    images, labels = pictures(3)
    write_pair(tmp_path, "test", images, labels[:2])
    assert "do not fit together" in refusal(tmp_path)


def test_refuses_images_of_another_side(tmp_path: Path) -> None:
    write_pair(tmp_path, "test", *pictures(3, side=28))
    assert "received: (28, 28, 3)" in (text := refusal(tmp_path))
    assert "allowed: (32, 32, 3)" in text


def test_refuses_files_of_different_shapes(tmp_path: Path) -> None:
    write_pair(tmp_path, "test-a", *pictures(3))
    write_pair(tmp_path, "test-b", *pictures(3, side=28))
    assert "test-a: (32, 32, 3), test-b: (28, 28, 3)" in refusal(tmp_path)


@pytest.mark.parametrize("label", [-1, 100])
def test_refuses_a_label_out_of_range(tmp_path: Path, label: int) -> None:
    images, _ = pictures(3)
    write_pair(tmp_path, "test", images, np.array([0, label, 0]))
    assert "allowed: 0 … 99" in refusal(tmp_path)


def test_refuses_a_split_without_images(tmp_path: Path) -> None:
    write_pair(tmp_path, "test", *pictures(0))
    assert "holds no image" in refusal(tmp_path)


def test_refuses_a_folder_without_test_files(tmp_path: Path) -> None:
    write_pair(tmp_path, "train", *pictures(3))
    assert "The folder has no test images" in refusal(tmp_path)


def test_imagenet_needs_a_folder() -> None:
    with pytest.raises(DataError, match="no images for data set 'imagenet2012'") as caught:
        load_split(data_of(dataset="imagenet2012"), "train")
    assert "EDGEHYBRID_DATA" in (caught.value.next_step or "")


def test_normalises_each_channel() -> None:
    data = data_of(dataset="cifar100")
    images = pictures(4).images
    exact = (images / 255.0 - np.array(data.mean)) / np.array(data.std)
    got = normalise(images, data)
    assert got.dtype == np.float32
    # Three float32 roundings, each of 2^-24 of a number up to 1, then divided by a deviation above 0.22.
    np.testing.assert_allclose(got, exact, rtol=2**-23, atol=4 * 2**-24 / 0.22)


@pytest.mark.skipif("EDGEHYBRID_DATA" not in os.environ, reason="needs CIFAR-100 in the folder EDGEHYBRID_DATA")
@pytest.mark.parametrize(("name", "images_per_class"), [("train", 500), ("test", 100)])
def test_real_cifar100_has_equal_classes(name: Any, images_per_class: int) -> None:
    split = load_split(data_of(dataset="cifar100"), name)
    assert split.images.shape == (100 * images_per_class, 32, 32, 3)
    assert np.bincount(split.labels).tolist() == [images_per_class] * 100


def cifar_archive(train: Pictures, test: Pictures) -> bytes:
    """The binary form of CIFAR-100: a record is a coarse label, a fine label, then 32×32 red, green and blue values."""
    files = {
        "coarse_label_names.txt": "\n".join(f"coarse{n}" for n in range(20)).encode(),
        "fine_label_names.txt": "\n".join(f"fine{n}" for n in range(100)).encode(),
    }
    for name, split in (("train.bin", train), ("test.bin", test)):
        files[name] = b"".join(
            bytes([label // 5, label]) + image.transpose(2, 0, 1).tobytes()
            for image, label in zip(split.images, split.labels, strict=True)
        )
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"cifar-100-binary/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """tensorflow-datasets with an empty folder, and a server on loopback in place of CIFAR's."""
    tfds = pytest.importorskip("tensorflow_datasets")
    cifar100 = tfds.image_classification.Cifar100
    served = {"content": b"", "requests": 0}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served["requests"] += 1
            self.send_response(200 if served["content"] else 404)
            self.send_header("Content-Length", str(len(served["content"])))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(served["content"])

        do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/cifar-100-binary.tar.gz"
    info = cifar100._cifar_info.fget
    monkeypatch.setitem(arrays.CIFAR_URLS, "cifar100", url)
    monkeypatch.setattr(cifar100, "_cifar_info", property(lambda builder: info(builder)._replace(url=url)))
    monkeypatch.setattr(tfds, "builder", functools.partial(tfds.builder, data_dir=tmp_path))
    yield served
    server.shutdown()
    server.server_close()


def test_cifar100_is_downloaded_once(source: Any) -> None:
    train, test = pictures(6), pictures(3)
    source["content"] = cifar_archive(train, test)
    got = load_split(data_of(dataset="cifar100"), "train")
    # tensorflow-datasets shuffles: images are found again by their bytes.
    expected = {image.tobytes(): label for image, label in zip(*train, strict=True)}
    assert {image.tobytes(): label for image, label in zip(got.images, got.labels, strict=True)} == expected, (
        f"seed {SEED}"
    )
    requests = source["requests"]
    assert len(load_split(data_of(dataset="cifar100"), "test").images) == 3
    assert source["requests"] == requests


def test_says_that_cifar100_cannot_be_downloaded(source: Any) -> None:
    with pytest.raises(DataError, match=r"could not be downloaded from http.*404") as caught:
        load_split(data_of(dataset="cifar100"), "train")
    assert "EDGEHYBRID_DATA" in (caught.value.next_step or "")


def test_downloads_nothing_where_it_may_not(source: Any) -> None:
    with pytest.raises(DataError, match="not on this machine"):
        load_split(data_of(dataset="cifar100"), "test", download=False)
    assert source["requests"] == 0


@pytest.mark.parametrize(("dataset", "shown"), [("cifar10", "CIFAR-10"), ("cifar100", "CIFAR-100")])
def test_names_the_data_set_that_is_not_there(dataset: str, shown: str, source: Any) -> None:
    with pytest.raises(DataError, match=rf"^{shown} is not on this machine"):
        load_split(data_of(dataset=dataset), "test", download=False)
