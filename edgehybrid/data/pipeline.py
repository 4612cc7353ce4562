"""Batches by tf.data: in which order images come, which of them a worker reads, and how files are decoded on the way.

Every training batch is a function of (seed, epoch, step); a worker's part of it is a slice.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.data.arrays import Split
from edgehybrid.data.augment import draw, evaluation_crop, random_box, resized_box, shifted_and_mirrored
from edgehybrid.data.decoding import decoded
from edgehybrid.data.folders import ImageFiles
from edgehybrid.data.half import Half
from edgehybrid.data.held_out import Indices
from edgehybrid.data.image_format import ALLOWED, orientation_in
from edgehybrid.data.names import shown
from edgehybrid.data.records import Records
from edgehybrid.data.sharding import WHOLE, Shard, check_shard, span, steps_of
from edgehybrid.errors import DataError
from edgehybrid.model.compat import tf
from edgehybrid.recipe import Data
from edgehybrid.recipe.training import Augmentation, RandomResizedCrop

# One thread prepares small images some ten times faster than a processor trains on them.
ARRAY_THREADS, BATCHES_AHEAD = 1, 2
FILE_THREADS = os.cpu_count() or 1
# Where tf.data works: a constant on a GPU would be copied back for every batch.
HOST = "CPU:0"


@dataclass(frozen=True)
class Batches:
    """Batches of images and labels, to iterate over: an image file that cannot be decoded raises a DataError.

    Attributes:
        dataset: the tf.data.Dataset of (float32 (n, side, side, channels), int64 (n,)) behind it. Who iterates over
            that itself gets TensorFlow's error, which does not name the file.
        places: for each batch, the places of its images in ``part``, the half of the data set that they come from.
        channels: of every image.
    """

    dataset: Any
    places: Sequence[Indices]
    part: Half
    channels: int

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        batches = iter(self.dataset)
        for places in self.places:
            try:
                batch = next(batches)
            except tf.errors.OpError as error:
                if (refusal := _broken_image(self.part, places, self.channels)) is None:
                    raise
                raise refusal from error
            yield batch


def in_tensorflow(part: Half) -> Half:
    """``part`` with images that ``training_batches`` need not copy, where they are arrays."""
    if not isinstance(part, Split):
        return part
    with tf.device(HOST):
        return part._replace(images=tf.constant(part.images))


def training_batches(
    part: Half,
    chosen: Indices,
    data: Data,
    augmentation: Augmentation,
    batch_size: int,
    seed: int,
    epoch: int,
    first_step: int = 0,
    shard: Shard = WHOLE,
) -> Batches:
    """The batches of one epoch from ``first_step`` on, each image of ``chosen`` once; the last batch may be smaller.

    Nothing depends on what ran before: a resumed epoch sees the batches that an uninterrupted one would have seen. And
    nothing depends on the number of workers but ``left_out``: the parts of all workers, one after another, are the
    global batch, with the same augmentation.

    Args:
        part: the images, of which ``chosen`` gives the places of those to train on.
        batch_size: images of a global batch.

    Raises:
        UsageError: workers that cannot share a batch equally.
    """
    check_shard(batch_size, shard)
    order = np.random.default_rng((seed, epoch)).permutation(chosen)
    steps = range(first_step, steps_of(len(order), batch_size, shard.workers))
    spans = [span(step, len(order), batch_size, shard) for step in steps]
    with tf.device(HOST):
        read, labels = _reader(part, data.channels), tf.constant(part.labels)
        all_places, mean, std = tf.constant(order), tf.constant(data.mean), tf.constant(data.std)

    def plan(step: Any, begin_and_end: Any) -> tuple[Any, Any]:
        """Places of the step's images, and their rows of random numbers."""
        begin, end = begin_and_end[0], begin_and_end[1]
        rows = draw(augmentation, seed, epoch, step, batch_size)
        first = step * batch_size
        return all_places[begin:end], rows[begin - first : end - first]

    def prepare(place: Any, row: Any) -> tuple[Any, Any, Any]:
        """One image in its final size."""
        image = read(place)
        if isinstance(augmentation, RandomResizedCrop):
            shape = tf.shape(image)
            image = resized_box(image, random_box(row, shape[0], shape[1], augmentation), data.image_side)
        else:
            image = evaluation_crop(image, data.image_side)
        return tf.ensure_shape(image, [data.image_side, data.image_side, data.channels]), row, labels[place]

    def finish(images: Any, rows: Any, images_labels: Any) -> tuple[Any, Any]:
        return _normalise(shifted_and_mirrored(images, rows, augmentation), mean, std), images_labels

    numbers = np.array(steps, np.int64), np.array(spans, np.int64).reshape(-1, 2)
    planned = tf.data.Dataset.from_tensor_slices(numbers).map(plan)
    if isinstance(part, Split) and not isinstance(augmentation, RandomResizedCrop):
        dataset = planned.map(
            lambda at, rows: finish(read(at), rows, tf.gather(labels, at)), num_parallel_calls=ARRAY_THREADS
        )
    else:
        single = planned.unbatch().map(prepare, num_parallel_calls=FILE_THREADS, deterministic=True)
        dataset = single.batch(batch_size // shard.workers).map(finish, num_parallel_calls=ARRAY_THREADS)
    places = [order[begin:end] for begin, end in spans]
    return Batches(_as_it_is(dataset.prefetch(BATCHES_AHEAD)), places, part, data.channels)


def encoded_batches(part: ImageFiles | Records, chosen: Indices, data: Data, batch_size: int) -> Batches:
    """The evaluation crops of the encoded images at ``chosen``, in that order: float32, 0 … 255, not normalised."""
    with tf.device(HOST):
        read, labels = _reader(part, data.channels), tf.constant(part.labels)

    def prepare(place: Any) -> tuple[Any, Any]:
        return evaluation_crop(read(place), data.image_side), labels[place]

    dataset = tf.data.Dataset.from_tensor_slices(chosen)
    dataset = dataset.map(prepare, num_parallel_calls=FILE_THREADS, deterministic=True)
    places = [chosen[begin : begin + batch_size] for begin in range(0, len(chosen), batch_size)]
    return Batches(_as_it_is(dataset.batch(batch_size).prefetch(BATCHES_AHEAD)), places, part, data.channels)


def _reader(part: Half, channels: int) -> Callable[[Any], Any]:
    """From places to pixels, uint8: of arrays any number of them at once, of encoded images one."""
    if isinstance(part, Split):
        images = tf.constant(part.images)
        return lambda places: tf.gather(images, places)
    if isinstance(part, Records):
        records = part.records

        def content_and_orientation(place: Any) -> tuple[bytes, np.int64]:
            content = records[int(place)]["image"]
            return content, np.int64(orientation_in(content))

        def read(place: Any) -> Any:
            kinds = [tf.string, tf.int64]
            content, orientation = tf.numpy_function(content_and_orientation, [place], kinds, stateful=False)
            return decoded(content, orientation, channels)

        return read
    # Names need not be text.
    paths, orientations = tf.constant([os.fsencode(path) for path in part.paths]), tf.constant(part.orientations)
    return lambda place: decoded(tf.io.read_file(paths[place]), orientations[place], channels)


def _broken_image(part: Half, places: NDArray[np.int64], channels: int) -> DataError | None:
    """The complaint about the first image among ``places`` that cannot be decoded: TensorFlow's does not name it."""
    if isinstance(part, Split):
        return None
    read = _reader(part, channels)
    for place in places:
        try:
            read(place)
        except tf.errors.OpError as error:
            return DataError(
                f"{_name(part, place)}: this cannot be read as an image.",
                # Without the names of TensorFlow's operations.
                received=re.sub(r"\{\{.*?\}\} |\s*\[Op:.*", "", error.message),
                allowed=ALLOWED,
                next_step="Copy the file again, or remove it.",
            )
    return None


def _name(part: ImageFiles | Records, place: int) -> str:
    if isinstance(part, ImageFiles):
        return shown(part.paths[place])
    return str(part.records[int(place)]["file_name"], "utf-8")


def _normalise(images: Any, mean: Any, std: Any) -> Any:
    """``(pixel / 255 - mean) / std``, in the form of one product and one sum."""
    return tf.cast(images, tf.float32) * (1 / (255 * std)) - mean / std


def _as_it_is(dataset: Any) -> Any:
    """Keeps TensorFlow from changing what works already.

    A distribution strategy would divide batches that are a worker's part. And tuning has a thread that sleeps longer
    and longer, up to a minute: an iterator that ends may have to wait until it wakes (TensorFlow 2.21).
    """
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    options.autotune.enabled = False
    return dataset.with_options(options)
