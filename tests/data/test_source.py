"""One interface for every data set: counts, validation images apart, fixed order, the same normalisation."""

import lzma
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
from image_kinds import SOUND, UNFIT, turned
from image_trees import write_tree
from numpy.typing import NDArray
from processes import modules_after

from edgehybrid.data.arrays import Split, load_split, normalise
from edgehybrid.data.source import EvaluationPart, Source, open_source
from edgehybrid.errors import DataError
from edgehybrid.model.compat import tf
from edgehybrid.recipe import Data
from edgehybrid.recipe.training import PaddedCrop

PLAIN = PaddedCrop(crop_padding_pixels=0, horizontal_flip=False)


@pytest.fixture(autouse=True)
def _no_folder_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEHYBRID_DATA", raising=False)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree(tmp_path_factory.mktemp("tree"), classes=10, train=4, val=2)


@pytest.fixture(scope="module")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 training and 20 test images of CIFAR-100's form, 3 training images a class."""
    folder = tmp_path_factory.mktemp("arrays")
    random = np.random.default_rng(3)
    for stem, count in (("train", 300), ("test", 20)):
        np.save(folder / f"{stem}-images.npy", random.integers(0, 256, (count, 32, 32, 3), np.uint8))
        np.save(folder / f"{stem}-labels.npy", np.arange(count) % 100)
    return folder


@pytest.fixture(params=["digits", "cifar100", "imagenet2012"])
def data(request: pytest.FixtureRequest, tree: Path, arrays: Path) -> Data:
    """A data set of each kind with 20 images for validation, or with 100 where there are 100 classes."""
    chosen: dict[str, dict[str, Any]] = {
        "digits": {"image_side": 8, "validation_images": 20},
        "cifar100": {"path": str(arrays), "validation_images": 100},
        "imagenet2012": {"path": str(tree), "image_side": 16, "classes": 10, "validation_images": 20},
    }
    return Data.model_validate({"dataset": request.param, **chosen[request.param]})


COUNTS = {"digits": (1437, 360), "cifar100": (300, 20), "imagenet2012": (40, 20)}


def evaluated(source: Source, part: EvaluationPart, **how: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    images, labels = zip(*source.evaluation_batches(part, **how), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def test_counts_are_those_of_the_data_set(data: Data) -> None:
    source = open_source(data)
    train, test = COUNTS[data.dataset]
    held_out = data.validation_images
    assert (source.training_images, source.validation_images, source.test_images) == (train - held_out, held_out, test)
    assert open_source(data.model_copy(update={"validation_images": 0})).training_images == train


def test_validation_images_are_balanced_and_never_trained_on(data: Data) -> None:
    source = open_source(data)
    validation, labels = evaluated(source, "validation")
    assert set(np.bincount(labels, minlength=data.classes)) == {data.validation_images // data.classes}
    trained = [images.numpy() for images, _ in source.training_batches(PLAIN, 64, seed=1, epoch=1)]
    # To 3 decimals: the training pipeline rounds in another order. Digits may repeat among 1437, others do not.
    seen = {np.round(image, 3).tobytes() for image in np.concatenate(trained)}
    assert sum(np.round(image, 3).tobytes() in seen for image in validation) == 0


def test_the_seed_of_training_does_not_move_the_split(data: Data) -> None:
    sources = open_source(data), open_source(data)
    for seed, source in enumerate(sources):
        list(source.training_batches(PLAIN, 64, seed, epoch=1))
    (first, _), (second, _) = (evaluated(source, "validation") for source in sources)
    np.testing.assert_array_equal(first, second)


def test_validation_and_test_images_have_nothing_in_common_but_their_form(data: Data) -> None:
    source = open_source(data)
    validation, _ = evaluated(source, "validation")
    test, labels = evaluated(source, "test")
    assert test.shape == (source.test_images, data.image_side, data.image_side, data.channels)
    assert (test.dtype, labels.dtype) == (np.float32, np.int64)
    seen = {image.tobytes() for image in test}
    assert not any(image.tobytes() in seen for image in validation)


def test_training_images_in_order_are_those_that_are_trained_on(data: Data) -> None:
    source = open_source(data)
    images, _ = evaluated(source, "training")
    trained = [batch.numpy() for batch, _ in source.training_batches(PLAIN, 64, seed=1, epoch=1)]
    # To 3 decimals: the training pipeline rounds in another order.
    first, second = (sorted(np.round(x, 3).tobytes() for x in part) for part in (images, np.concatenate(trained)))
    assert first == second


@pytest.mark.parametrize("batch_size", [7, 1000])
def test_the_batch_size_changes_nothing_of_an_evaluation(data: Data, batch_size: int) -> None:
    source = open_source(data)
    for one, other in zip(evaluated(source, "test"), evaluated(source, "test", batch_size=batch_size), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_limit_spreads_over_the_part(data: Data) -> None:
    source = open_source(data)
    images, labels = evaluated(source, "test")
    some, its_labels = evaluated(source, "test", limit=10)
    # Every 36th of 360, every second of 20.
    step = source.test_images // 10
    np.testing.assert_array_equal(some, images[::step])
    np.testing.assert_array_equal(its_labels, labels[::step])
    assert len(evaluated(source, "test", limit=10_000)[0]) == source.test_images


def test_evaluated_arrays_are_the_normalised_images() -> None:
    data = Data.model_validate({"dataset": "digits"})
    split = load_split(data, "test")
    images, labels = evaluated(open_source(data), "test")
    np.testing.assert_array_equal(images, normalise(split.images, data))
    np.testing.assert_array_equal(labels, split.labels)


def test_without_validation_images_there_is_no_validation_batch() -> None:
    assert list(open_source(Data.model_validate({"dataset": "digits"})).evaluation_batches("validation")) == []


def test_workers_leave_out_what_they_cannot_share(data: Data) -> None:
    source = open_source(data)
    trained = source.training_images
    assert source.left_out_images(workers=8) == trained % 8
    parts = [source.training_batches(PLAIN, 16, 1, 1, shard=(worker, 8)) for worker in range(8)]
    assert sum(len(labels) for part in parts for _, labels in part) == trained - trained % 8
    assert {len(part) for part in parts} == {source.steps(16, workers=8)}


def test_epochs_share_one_copy_of_the_arrays(arrays: Path) -> None:
    source = open_source(Data.model_validate({"dataset": "cifar100", "path": str(arrays)}))
    first, second = (source.training_batches(PLAIN, 16, 1, epoch) for epoch in (1, 2))
    assert isinstance(first.part, Split)
    assert isinstance(second.part, Split)
    assert first.part.images is second.part.images
    # TensorFlow keeps a tensor as it is where it would copy an array.
    assert tf.constant(first.part.images) is first.part.images


def test_array_bytes_are_those_of_both_halves_and_of_a_copy_to_train_on(arrays: Path, tree: Path) -> None:
    source = open_source(Data.model_validate({"dataset": "cifar100", "path": str(arrays)}))
    assert source.array_bytes == (2 * 300 + 20) * 32 * 32 * 3
    files = open_source(Data.model_validate({"dataset": "imagenet2012", "path": str(tree), "classes": 10}))
    assert files.array_bytes == 0


def test_reads_a_half_once_and_only_when_needed() -> None:
    read: list[str] = []

    def load(name: Any) -> Split:
        read.append(name)
        return load_split(Data.model_validate({"dataset": "digits"}), name)

    source = Source(Data.model_validate({"dataset": "digits"}), load)
    assert read == []
    list(source.evaluation_batches("test"))
    assert source.test_images == 360
    assert read == ["test"]
    source.check()
    source.check()
    assert read == ["test", "train"]


def test_finds_a_tree_in_the_data_sets_folder_below_the_environments(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "imagenet2012").symlink_to(tree)
    monkeypatch.setenv("EDGEHYBRID_DATA", str(tmp_path))
    assert open_source(Data.model_validate({"dataset": "imagenet2012", "classes": 10})).test_images == 20


def test_imagenet_may_be_arrays(arrays: Path) -> None:
    data = Data.model_validate({"dataset": "imagenet2012", "path": str(arrays), "image_side": 32, "classes": 100})
    assert open_source(data).training_images == 300


def test_a_tree_of_another_number_of_classes_is_refused(tree: Path) -> None:
    source = open_source(Data.model_validate({"dataset": "imagenet2012", "path": str(tree)}))
    with pytest.raises(DataError, match="another number of classes") as caught:
        source.check()
    assert "set data.classes to 10" in (caught.value.next_step or "")


def test_a_folder_without_images_says_how_they_should_lie(tmp_path: Path) -> None:
    source = open_source(Data.model_validate({"dataset": "imagenet2012", "path": str(tmp_path)}))
    with pytest.raises(DataError, match="no 'train'") as caught:
        source.check()
    assert caught.value.allowed == "train/<class>/*.JPEG and val/<class>/*.JPEG"


def test_a_folder_of_arrays_and_of_image_files_is_refused(arrays: Path, tree: Path, tmp_path: Path) -> None:
    for path in (*arrays.iterdir(), *tree.iterdir()):
        (tmp_path / path.name).symlink_to(path)
    data = Data.model_validate({"dataset": "imagenet2012", "path": str(tmp_path), "image_side": 32, "classes": 100})
    with pytest.raises(DataError, match="holds arrays, and image files in 'train', too"):
        open_source(data).check()


def test_notes_of_a_folder_of_arrays_are_given_once(arrays: Path, tmp_path: Path) -> None:
    for path in arrays.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "README.md").write_text("")
    source = open_source(Data.model_validate({"dataset": "cifar100", "path": str(tmp_path)}))
    assert source.notes == (f"{tmp_path}: not read, because the names are not those of arrays: README.md.",)


def test_three_copies_of_100_images_are_not_300_images(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    for stem in ("train", "test"):
        np.save(tmp_path / f"{stem}-images.npy", random.integers(0, 256, (100, 32, 32, 3), np.uint8))
        np.save(tmp_path / f"{stem}-labels.npy", np.arange(100))
    for kind in ("images", "labels"):
        plain = tmp_path / f"train-{kind}.npy"
        plain.with_suffix(".npy.xz").write_bytes(lzma.compress(plain.read_bytes()))
    data = Data.model_validate({"dataset": "cifar100", "path": str(tmp_path)})
    assert open_source(data).training_images == 100
    for kind in ("images", "labels"):
        (tmp_path / f"train-b-{kind}.npy").write_bytes((tmp_path / f"train-{kind}.npy").read_bytes())
    with pytest.raises(DataError, match="every image of this file"):
        open_source(data).check()


def messy_tree(folder: Path) -> list[int]:
    """Every sound kind of image under the names that people give, in two classes, among what programs leave.

    Returns:
        how many images each class has in each half.
    """
    names = ("{}.JPEG", "{}.JPG", "{}.jpeg", "{}\n.jpg", "{}\udcff.png")
    sounds = [make() for make in SOUND.values()] + [turned("JPEG", orientation) for orientation in range(2, 9)]
    for label, half in enumerate(("train/a", "train/b", "val/a", "val/b")):
        (folder / half).mkdir(parents=True)
        for number, sound in enumerate(sounds[label % 2 :: 2]):
            (folder / half / names[number % len(names)].format(number)).write_bytes(sound.content)
        (folder / half / ".DS_Store").write_bytes(b"Bud1")
        (folder / half / "._0.jpg").write_bytes(b"\0\x05\x16\x07")
        (folder / half / "Thumbs.db").write_bytes(b"")
        (folder / half / ".ipynb_checkpoints").mkdir()
        (folder / half / ".ipynb_checkpoints" / "0-checkpoint.jpg").write_bytes(sounds[0].content)
    return [len(sounds[label::2]) for label in range(2)]


def test_a_messy_tree_is_trained_on_in_exactly_its_sound_images(tmp_path: Path) -> None:
    expected = messy_tree(tmp_path)
    data = Data.model_validate({"dataset": "imagenet2012", "path": str(tmp_path), "image_side": 16, "classes": 2})
    source = open_source(data)
    source.check()
    assert source.training_images == source.test_images == sum(expected)
    for half, note in zip(("train", "val"), source.notes, strict=True):
        named = ".DS_Store, ._0.jpg, .ipynb_checkpoints, Thumbs.db"
        assert note == f"{tmp_path / half}: 8 skipped, which are no images: {named}."
    trained = [labels.numpy() for _, labels in source.training_batches(PLAIN, 8, seed=1, epoch=1)]
    assert np.bincount(np.concatenate(trained)).tolist() == expected
    assert np.bincount(evaluated(source, "test")[1]).tolist() == expected


@pytest.mark.parametrize("kind", UNFIT)
def test_an_unfit_file_is_refused_before_anything_is_trained(kind: str, tree: Path, tmp_path: Path) -> None:
    copytree(tree, tmp_path / "tree")
    path = tmp_path / "tree" / "val" / "n0003" / "x.jpg"
    make, reason = UNFIT[kind]
    path.write_bytes(make())
    data = Data.model_validate({"dataset": "imagenet2012", "path": str(tmp_path / "tree"), "classes": 10})
    with pytest.raises(DataError) as caught:
        open_source(data).check()
    assert caught.value.what.startswith(f"{path}: ")
    assert reason in caught.value.what


def test_evaluating_arrays_loads_no_tensorflow(arrays: Path) -> None:
    code = (
        "from edgehybrid.data.source import open_source; from edgehybrid.recipe import Data\n"
        f"data = Data.model_validate({{'dataset': 'cifar100', 'path': {str(arrays)!r}}})\n"
        "list(open_source(data).evaluation_batches('test'))"
    )
    assert "tensorflow" not in modules_after(code)
