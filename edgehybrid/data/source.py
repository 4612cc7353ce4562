"""The images of a recipe, wherever they come from: all that training, evaluation and conversion know of data.

    digits          scikit-learn's, embedded
    cifar10, -100   arrays of a folder, else downloaded once
    imagenet2012    a class-per-folder tree, arrays of a folder, or what tensorflow-datasets has prepared

Opening reads nothing. The training half and the test half are read, or their files listed, when they are first needed;
arrays and lists of files need no TensorFlow, decoding and augmentation do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from edgehybrid.data.array_files import SplitName, holds_arrays
from edgehybrid.data.arrays import Labels, Split, folder_of, load_split, normalise
from edgehybrid.data.folders import SUBFOLDERS, list_tree
from edgehybrid.data.half import Half
from edgehybrid.data.held_out import Indices, hold_out
from edgehybrid.data.image_check import check_images
from edgehybrid.data.names import shown
from edgehybrid.data.records import prepared_imagenet
from edgehybrid.data.sharding import Shard, left_out, steps_of
from edgehybrid.errors import DataError
from edgehybrid.recipe import Data
from edgehybrid.recipe.training import Augmentation

if TYPE_CHECKING:
    from edgehybrid.data.pipeline import Batches

PIXELS_AT_ONCE = 2**20

EvaluationPart = Literal["training", "validation", "test"]
Load = Callable[[SplitName], Half]


def images_at_once(side: int) -> int:
    """How many images to run through a network at a time without training it: as many as have 2^20 pixels.

    So the maps of large images need no more memory than those of small ones.
    """
    return max(1, PIXELS_AT_ONCE // side**2)


class Source:
    """Training, validation and test images of one recipe.

    Validation images are those of the training half that ``data.validation_images`` holds out: the same whatever
    ``training.seed`` says. The test half is never trained on and never selected with.
    """

    def __init__(self, data: Data, load: Load) -> None:
        """A source of what ``load`` reads.

        Args:
            data: how images are cropped and normalised, and how many are held out.
            load: gives the training or the test half; called once for each, when it is first needed.
        """
        self._data = data
        self._load = load

    def check(self) -> None:
        """Reads both halves, so that what is missing or damaged is said before anything else is done.

        Raises:
            DataError: no such images, damaged, or not fitting the recipe. Of image files, headers and ends are read.
                Damage between them is found when they are decoded, except in a JPEG, whose decoder fills the gap.
        """
        _ = self.training_images, self.test_images

    @property
    def training_images(self) -> int:
        """How many images are trained on."""
        return len(self._training_and_validation[0])

    @property
    def validation_images(self) -> int:
        """How many images are held out; 0 where the recipe asks for none."""
        return len(self._training_and_validation[1])

    @property
    def test_images(self) -> int:
        """How many images are in the test half."""
        return len(self._test.labels)

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence on each kind of file that lies among the images and is not read."""
        return tuple(dict.fromkeys(self._train.notes + self._test.notes))

    @property
    def array_bytes(self) -> int:
        """Bytes of images that are arrays in memory while training: both halves, and TensorFlow's copy of the first.

        Images in files are decoded as they are needed.
        """
        held = (self._train, self._train, self._test)
        return sum(part.images.nbytes for part in held if isinstance(part, Split))

    def steps(self, batch_size: int, workers: int = 1) -> int:
        """Batches of a training epoch; the last may be smaller."""
        return steps_of(self.training_images, batch_size, workers)

    def left_out_images(self, workers: int) -> int:
        """Training images that an epoch leaves out, because the workers cannot share the last batch equally.

        Fewer than ``workers``, and 0 for one worker; in each epoch others.
        """
        return left_out(self.training_images, workers)

    def training_batches(
        self,
        augmentation: Augmentation,
        batch_size: int,
        seed: int,
        epoch: int,
        first_step: int = 0,
        shard: tuple[int, int] = (0, 1),
    ) -> Batches:
        """The batches of one epoch from ``first_step`` on: shuffled, augmented, normalised.

        A function of the arguments alone: a resumed epoch is the rest of a whole one. Each image comes once; the last
        batch may be smaller.

        Args:
            batch_size: images of the global batch, of all workers together.
            shard: (i, n) gives the i-th, from 0, of n equal contiguous parts of every global batch. One after another,
                the n parts hold the images and the augmentation of the batch that a single worker would see, but for
                ``left_out_images``.

        Returns:
            ``Batches`` of (float32 (n, side, side, channels), int64 (n,)).

        Raises:
            DataError: an image file that cannot be read, while iterating.
            UsageError: a batch that the workers cannot share equally.
        """
        from edgehybrid.data.pipeline import training_batches

        chosen, _ = self._training_and_validation
        return training_batches(
            self._copied_train, chosen, self._data, augmentation, batch_size, seed, epoch, first_step, Shard(*shard)
        )

    def evaluation_batches(
        self, part: EvaluationPart, batch_size: int | None = None, limit: int | None = None
    ) -> Iterator[tuple[NDArray[np.float32], Labels]]:
        """Images in a fixed order, cropped at the centre where they are files, and normalised.

        Args:
            batch_size: images at a time; by default ``images_at_once``.
            limit: at most so many images, evenly spread over the part: files are sorted by class.

        Yields:
            float32 (n, side, side, channels), int64 (n,).

        Raises:
            DataError: no such images, or a file that cannot be read.
        """
        if batch_size is None:
            batch_size = images_at_once(self._data.image_side)
        if part == "test":
            images, chosen = self._test, np.arange(self.test_images)
        else:
            images, chosen = self._train, self._training_and_validation[part == "validation"]
        if limit is not None and limit < len(chosen):
            chosen = chosen[np.arange(limit) * len(chosen) // limit]
        if isinstance(images, Split):
            for begin in range(0, len(chosen), batch_size):
                places = chosen[begin : begin + batch_size]
                yield normalise(images.images[places], self._data), images.labels[places]
            return
        from edgehybrid.data.pipeline import encoded_batches

        for pixels, labels in encoded_batches(images, chosen, self._data, batch_size):
            yield normalise(pixels.numpy(), self._data), labels.numpy()

    @cached_property
    def _train(self) -> Half:
        return self._load("train")

    @cached_property
    def _copied_train(self) -> Half:
        """Arrays copied once. The copy of an epoch would stay until Python collects the cycles that tf.data makes."""
        from edgehybrid.data.pipeline import in_tensorflow

        return in_tensorflow(self._train)

    @cached_property
    def _test(self) -> Half:
        return self._load("test")

    @cached_property
    def _training_and_validation(self) -> tuple[Indices, Indices]:
        return hold_out(self._train.labels, self._data.validation_images, self._data.classes)


def open_source(data: Data, download: bool = True) -> Source:
    """The images that the section ``data`` of a recipe names.

    ``data.path``, else the environment variable ``EDGEHYBRID_DATA``, names the folder, or one that holds a folder of
    the data set's name.

    Args:
        download: whether CIFAR may be downloaded.

    Raises:
        DataError: when images are first needed: none there, damaged, or not fitting the recipe.
    """
    return Source(data, lambda name: _half(data, name, download))


def _half(data: Data, name: SplitName, download: bool) -> Half:
    if data.dataset == "imagenet2012":
        if (folder := folder_of(data)) is None:
            return prepared_imagenet(name, data.classes)
        if not holds_arrays(folder):
            return check_images(list_tree(folder, name, data.classes))
        if trees := [inner for inner in SUBFOLDERS.values() if (folder / inner).is_dir()]:
            raise DataError(
                f"{shown(folder)}: the folder holds arrays, and image files in '{trees[0]}', too.",
                allowed="one of the two",
                next_step="Move either into another folder.",
            )
    return load_split(data, name, download)
