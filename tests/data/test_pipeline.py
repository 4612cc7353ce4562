"""Training batches: each image once, a function of seed, epoch and step, the same for any number of workers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_kinds import turned
from image_trees import write_tree
from numpy.typing import NDArray

from edgehybrid.data.arrays import Split, normalise
from edgehybrid.data.augment import evaluation_crop
from edgehybrid.data.folders import list_tree
from edgehybrid.data.half import Half
from edgehybrid.data.held_out import Indices
from edgehybrid.data.image_check import check_images
from edgehybrid.data.pipeline import encoded_batches, training_batches
from edgehybrid.data.records import Records
from edgehybrid.data.sharding import WHOLE, Shard
from edgehybrid.errors import DataError, UsageError
from edgehybrid.model.compat import tf
from edgehybrid.recipe import Data
from edgehybrid.recipe.training import Augmentation, PaddedCrop, RandomResizedCrop

# One channel; the label of image i is i, so a batch tells which images it holds.
DATA = Data.model_validate({"dataset": "digits", "image_side": 8})
COUNT, BATCH = 23, 6
SPLIT = Split(np.random.default_rng(3).integers(0, 256, (COUNT, 8, 8, 1), np.uint8), np.arange(COUNT, dtype=np.int64))
ALL = np.arange(COUNT)
PLAIN = PaddedCrop(crop_padding_pixels=0, horizontal_flip=False)
PADDED = PaddedCrop(crop_padding_pixels=2)
RESIZED = RandomResizedCrop(kind="random_resized")
Found = list[tuple[NDArray[Any], NDArray[Any]]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Half, Data]:
    """23 JPEG files in one class; every file is a label of its own, so that a batch tells which it holds."""
    tree = write_tree(tmp_path_factory.mktemp("tree"), classes=1, train=COUNT)
    data = Data.model_validate({"dataset": "imagenet2012", "image_side": 16})
    return list_tree(tree, "train", 1)._replace(labels=np.arange(COUNT)), data


@pytest.fixture(params=["arrays padded", "arrays resized", "files padded", "files resized"])
def kind(request: pytest.FixtureRequest, files: tuple[Half, Data]) -> tuple[Half, Data, Augmentation]:
    """Every way that images take."""
    part, data = files if "files" in request.param else (SPLIT, DATA)
    return part, data, RESIZED if "resized" in request.param else PADDED


def batches(
    part: Half = SPLIT,
    data: Data = DATA,
    augmentation: Augmentation = PADDED,
    seed: int = 2,
    epoch: int = 1,
    first_step: int = 0,
    shard: Shard = WHOLE,
    chosen: Indices = ALL,
) -> Found:
    found = training_batches(part, chosen, data, augmentation, BATCH, seed, epoch, first_step, shard)
    listed = [(images.numpy(), labels.numpy()) for images, labels in found]
    assert len(listed) == len(found)
    return listed


def order(**which: Any) -> list[int]:
    return [int(label) for _, labels in batches(augmentation=PLAIN, **which) for label in labels]


def assert_same(first: Found, second: Found) -> None:
    assert len(first) == len(second) > 0
    for (images, labels), (other_images, other_labels) in zip(first, second, strict=True):
        np.testing.assert_array_equal(images, other_images)
        np.testing.assert_array_equal(labels, other_labels)


def test_an_epoch_holds_each_image_once() -> None:
    assert sorted(order()) == list(range(COUNT))


def test_only_the_chosen_images_are_trained_on() -> None:
    assert sorted(order(chosen=ALL[::3])) == ALL[::3].tolist()


def test_batches_have_their_size_and_types_and_the_last_one_the_rest(kind: tuple[Half, Data, Augmentation]) -> None:
    _, data, _ = kind
    found = batches(*kind)
    # 23 = 3·6 + 5
    assert [len(labels) for _, labels in found] == [6, 6, 6, 5]
    for images, labels in found:
        assert images.shape == (len(labels), data.image_side, data.image_side, data.channels)
        assert (images.dtype, labels.dtype) == (np.float32, np.int64)


def test_tensorflow_knows_the_shape_of_images_before_it_sees_one(kind: tuple[Half, Data, Augmentation]) -> None:
    part, data, augmentation = kind
    images, labels = training_batches(part, ALL, data, augmentation, BATCH, 2, 1).dataset.element_spec
    assert images.shape.as_list() == [None, data.image_side, data.image_side, data.channels]
    assert labels.shape.as_list() == [None]


def test_tensorflow_neither_divides_nor_tunes_batches(kind: tuple[Half, Data, Augmentation]) -> None:
    part, data, augmentation = kind
    datasets = [training_batches(part, ALL, data, augmentation, BATCH, 2, 1).dataset]
    if not isinstance(part, Split):
        datasets.append(encoded_batches(part, ALL, data, BATCH).dataset)
    for dataset in datasets:
        options = dataset.options()
        assert options.experimental_distribute.auto_shard_policy == tf.data.experimental.AutoShardPolicy.OFF
        # Tuning keeps the end of an iterator waiting for up to a minute.
        assert options.autotune.enabled is False


def test_image_and_label_stay_together_and_are_normalised() -> None:
    for images, labels in batches(augmentation=PLAIN):
        # Another form of the same formula: a few roundings of 2^-24, on numbers up to (1 - 0.305) / 0.33 < 4.
        np.testing.assert_allclose(images, normalise(SPLIT.images[labels], DATA), atol=4 * 4 * 2**-24)


def test_files_without_augmentation_are_their_evaluation_crops(files: tuple[Half, Data]) -> None:
    part, data = files
    crops = np.concatenate([images.numpy() for images, _ in encoded_batches(part, ALL, data, 10)])  # type: ignore[arg-type]
    for images, labels in batches(part, data, PLAIN):
        # As above, on numbers up to (1 - 0.406) / 0.225 < 4.
        np.testing.assert_allclose(images, normalise(crops[labels], data), atol=4 * 4 * 2**-24)


def test_same_seed_epoch_and_step_give_the_same_batch(kind: tuple[Half, Data, Augmentation]) -> None:
    assert_same(batches(*kind), batches(*kind))


@pytest.mark.parametrize("first_step", [1, 3])
def test_a_resumed_epoch_is_the_rest_of_a_whole_one(kind: tuple[Half, Data, Augmentation], first_step: int) -> None:
    assert_same(batches(*kind, first_step=first_step), batches(*kind)[first_step:])


def test_nothing_is_left_of_a_finished_epoch() -> None:
    assert batches(first_step=4) == []


@pytest.mark.parametrize("workers", [2, 3])
def test_the_parts_of_all_workers_are_the_batches_of_one(kind: tuple[Half, Data, Augmentation], workers: int) -> None:
    parts = [batches(*kind, shard=Shard(worker, workers)) for worker in range(workers)]
    joined = [tuple(np.concatenate(arrays) for arrays in zip(*step, strict=True)) for step in zip(*parts, strict=True)]
    whole = batches(*kind)
    # The last batch has 5 images: 2·2 and 3·1 of them can be shared.
    shared = {2: 4, 3: 3}[workers]
    images, labels = whole[-1]
    assert_same(joined, [*whole[:-1], (images[:shared], labels[:shared])])


def test_a_last_batch_that_the_workers_cannot_share_at_all_is_left_out() -> None:
    # 23 = 3·6 + 5, and 5 images are too few for 6 workers.
    assert [len(labels) for _, labels in batches(shard=Shard(5, 6))] == [1, 1, 1]


def test_a_resumed_worker_goes_on_with_its_part() -> None:
    shard = Shard(1, 2)
    assert_same(batches(shard=shard, first_step=2), batches(shard=shard)[2:])


def test_refuses_workers_that_cannot_share_a_batch() -> None:
    with pytest.raises(UsageError, match="cannot share a batch equally"):
        batches(shard=Shard(0, 4))


def test_another_epoch_has_another_order() -> None:
    assert order(epoch=1) != order(epoch=2)


def test_another_seed_has_another_order() -> None:
    assert order(seed=2) != order(seed=3)


def test_augmentation_depends_on_the_epoch(kind: tuple[Half, Data, Augmentation]) -> None:
    def by_label(found: Found) -> dict[int, bytes]:
        return {
            int(label): image.tobytes() for images, labels in found for image, label in zip(images, labels, strict=True)
        }

    first, second = by_label(batches(*kind)), by_label(batches(*kind, epoch=2))
    # 25 crops and their mirrors, or far more: 6 of 23 images would stay the same by chance less than once in 10^4.
    assert sum(first[label] == second[label] for label in first) < 6


@pytest.mark.parametrize("content", ["truncated", "no image", "empty", "absent"])
@pytest.mark.parametrize("augmentation", [PADDED, RESIZED])
def test_names_the_file_that_cannot_be_read(tmp_path: Path, content: str, augmentation: Augmentation) -> None:
    part = list_tree(write_tree(tmp_path, classes=2, train=9, val=1), "train", 2)
    broken = Path(part.paths[13])
    whole = broken.read_bytes()
    if content == "absent":
        broken.unlink()
    else:
        broken.write_bytes({"truncated": whole[: len(whole) // 2], "no image": b"GIMP" * 99, "empty": b""}[content])
    data = Data.model_validate({"dataset": "imagenet2012", "image_side": 16})
    for found in (
        training_batches(part, np.arange(18), data, augmentation, BATCH, 2, 1),
        encoded_batches(part, np.arange(18), data, BATCH),
    ):
        with pytest.raises(DataError, match="cannot be read as an image") as caught:
            list(found)
        assert str(caught.value).startswith(str(broken))
        assert "{{" not in str(caught.value)


@pytest.mark.parametrize("encode", [tf.io.encode_png, tf.io.encode_jpeg])
@pytest.mark.parametrize("channels", [1, 3])
def test_grey_and_png_files_become_colour_images(tmp_path: Path, encode: Any, channels: int) -> None:
    path = tmp_path / "train" / "a" / "image.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(encode(np.full((20, 20, channels), 100, np.uint8)).numpy())
    data = Data.model_validate({"dataset": "imagenet2012", "image_side": 8})
    [(images, _)] = encoded_batches(list_tree(tmp_path, "train", 1), np.array([0]), data, 1)
    # A uniform image stays what it is; JPEG may round by 1.
    np.testing.assert_allclose(images, np.full((1, 8, 8, 3), 100), atol=1 if encode is tf.io.encode_jpeg else 1e-4)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_files_and_records_are_turned_as_the_camera_was_held(tmp_path: Path, orientation: int) -> None:
    sound = turned("PNG", orientation)
    (tmp_path / "train" / "a").mkdir(parents=True)
    (tmp_path / "train" / "a" / "0.png").write_bytes(sound.content)
    data = Data.model_validate({"dataset": "imagenet2012", "image_side": 16})
    halves: list[Any] = [
        check_images(list_tree(tmp_path, "train", 1)),
        Records([{"image": sound.content, "file_name": b"0.png"}], np.array([0])),
    ]
    expected = evaluation_crop(tf.constant(sound.pixels), 16)
    for half in halves:
        [(images, _)] = encoded_batches(half, np.array([0]), data, 1)
        np.testing.assert_array_equal(images[0], expected)
