"""Checks a flatbuffer against its Keras model: each layer by itself, then the logits."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from converters.taps import Tap
from converters.verify.bounds import Floats
from converters.verify.replay import Mistake
from converters.verify.tapped_file import TappedFile
from edgehybrid.data.accuracy import accuracies
from edgehybrid.data.arrays import Labels
from edgehybrid.errors import ConversionError
from edgehybrid.runs.sidecar import VerifiedWith
from edgehybrid.runtime.interpreter import Interpreter

# Of the largest logit. The tolerance of one layer is 1e-5 (``replay.py``); the roundings of 20 layers in a row, at
# random, are some 5 times that of one.
RELATIVE_TOLERANCE = 1e-4
# So many numbers of a packed map are compared: 17 images for one of 4×4×64. A threshold that is off by 1e-3 gives the
# wrong bit to a number of normal distribution and unit size, which BatchNorm makes, with probability 0.4 · 1e-3. All n
# numbers miss it with probability (1 - 4e-4)^n, which is less than 1e-3 for n >= 6.9 / 4e-4.
LEAST_BITS = 17_300
# And so many pixels of it. The thresholds of sums of n signs are whole numbers, one a channel. One that is off by one
# step shows where the sum lies there, with probability 2 / sqrt(2π n), 0.0125 for n = 4096; 6.9 / 0.0125 pixels, by the
# same formula.
LEAST_PIXELS = 553
# But no more pixels of images: 512 images of 32×32, and 10 of 224×224, which take a second each.
MOST_PIXELS = 1 << 19
# A float32 map shows a mistake in every number of a channel. A few images see ReLUs open that others see closed.
LEAST_IMAGES = 8
BATCH = 50
# Of tapped values in memory at once: 7 images of VGG-19 at 224 pixels. A batch reads 400 MB of weights of its first
# dense layer, however few images it has.
MOST_TAPPED_BYTES = 1 << 29
# Pixels of all images that are compared: 2,048 images of 32×32, and 41 of 224×224, half of which may have a flip and
# are replayed, too.
MOST_COMPARED_PIXELS = 1 << 21


class Agreement(NamedTuple):
    """How well flatbuffer and Keras agree. The fields are the keys of the command's output.

    ``near_zero_flips`` counts images whose logits differ because a quantiser's input lies at its threshold: replaying
    each layer shows nothing but rounding, and the two sides have another value behind some quantiser.
    ``top1_drop_points`` is the accuracy of Keras less that of the flatbuffer on these images; None without labels.
    ``verified_with`` is what ran the flatbuffer.
    """

    images: int
    top1_agreement_percent: float
    max_abs_difference: float
    near_zero_flips: int
    top1_drop_points: float | None
    verified_with: VerifiedWith


def agreement(
    logits: Floats, converted: Floats, interpreter: Interpreter, labels: Labels | None, near_zero_flips: int = 0
) -> Agreement:
    """Compares logits (n, classes) of Keras and of a flatbuffer.

    Args:
        interpreter: that ran the flatbuffer.
        labels: of the images, as far as the first of them are these.
    """
    drop = None
    if labels is not None:
        drop = accuracies(logits, labels[: len(logits)])[0] - accuracies(converted, labels[: len(logits)])[0]
    return Agreement(
        images=len(logits),
        top1_agreement_percent=100 * float(np.mean(logits.argmax(axis=1) == converted.argmax(axis=1))),
        max_abs_difference=float(np.abs(converted - logits).max()),
        near_zero_flips=near_zero_flips,
        top1_drop_points=drop,
        verified_with=VerifiedWith(
            runtime=interpreter.runtime,
            isa=interpreter.isa,
            threads=interpreter.threads,
            delegated_nodes=interpreter.delegated_nodes,
            graph_nodes=interpreter.graph_nodes,
        ),
    )


def verify(
    model: Any, content: bytes, images: Floats, taps: Sequence[Tap] | None = None, labels: Labels | None = None
) -> Agreement:
    """Runs both on normalised images (n, side, side, channels), the first of them where they are many and large.

    Every layer is replayed on the flatbuffer's own inputs (``replay.py``) for the first images, as many as
    ``images_to_replay`` says, and for each image whose logits differ by more than ``RELATIVE_TOLERANCE`` of the
    largest. Nothing but rounding may be found in any of them, and an image whose logits differ must have a flipped
    quantiser. How many classes that changes is reported, not refused: it is a property of the network.

    Args:
        taps: of a packed flatbuffer, from ``converters.pack``.
        labels: of the images, if their classes are those of the logits.

    Raises:
        ConversionError: a layer computes something else, named with the place; or logits differ without a flip.
    """
    images = images[: max(LEAST_IMAGES, MOST_COMPARED_PIXELS // (images.shape[1] * images.shape[2]))]
    logits = keras_logits(model, images)
    interpreter = Interpreter(content)
    converted = interpreter.predict(images)
    difference = np.abs(converted - logits).max(axis=1)
    tolerance = RELATIVE_TOLERANCE * np.abs(logits).max()
    # Not "difference > tolerance": a NaN must count as different.
    differs = ~(difference <= tolerance)
    flips = _replay_layers(model, content, taps, images, converted, differs, int(np.argmin(difference)))
    if np.any(unexplained := differs & ~flips):
        image = int(np.argmax(unexplained))
        raise disagreement(
            f"the logits of image {image} differ by {difference[image]:.3g}, though each layer agrees and no quantiser "
            "flips",
            f"at most {tolerance:.3g}",
        )
    return agreement(logits, converted, interpreter, labels, int(np.sum(differs)))


def keras_logits(model: Any, images: Floats) -> Floats:
    """Logits (n, classes)."""
    batches = [
        np.asarray(model(images[begin : begin + BATCH], training=False)) for begin in range(0, len(images), BATCH)
    ]
    logits: Floats = np.concatenate(batches).reshape(len(images), -1)
    return logits


def images_to_replay(packed_maps: Sequence[tuple[int, int]], pixels: int, available: int) -> int:
    """How many images give ``LEAST_BITS`` and ``LEAST_PIXELS`` of every packed map, as far as there are so many.

    Args:
        packed_maps: pixels and channels of each.
        pixels: of an image.
    """
    wanted = LEAST_IMAGES
    for of_map, channels in packed_maps:
        wanted = max(wanted, -(-LEAST_BITS // (of_map * channels)), -(-LEAST_PIXELS // of_map))
    return min(wanted, max(LEAST_IMAGES, MOST_PIXELS // pixels), available)


def _replay_layers(
    model: Any,
    content: bytes,
    taps: Sequence[Tap] | None,
    images: Floats,
    converted: Floats,
    differs: NDArray[np.bool_],
    nearest: int,
) -> NDArray[np.bool_]:
    """Whether each image has a flip, of those that differ.

    Args:
        nearest: the image whose logits are most alike; pairs are chosen by it.
    """
    file = TappedFile(model, content, taps, images[nearest : nearest + 1])
    first = images_to_replay(file.packed_maps, images.shape[1] * images.shape[2], len(images))
    batch = int(np.clip(MOST_TAPPED_BYTES // max(1, file.bytes_an_image), 1, BATCH))
    flips = np.zeros(len(images), bool)
    for chosen in _batches(first, differs, batch):
        values = file.values(images[chosen])
        # What was not tapped, because the runtime joins other operators then, must give the same.
        apart = np.abs(file.logits(values) - converted[chosen]).max(axis=1)
        replayed = file.replay(images[chosen], values, find_flips=bool(differs[chosen].any()))
        if isinstance(replayed, Mistake):
            raise disagreement(_told(replayed, int(chosen[replayed.image])), f"rounding: {replayed.tolerance:.3g}")
        if not np.all(apart <= RELATIVE_TOLERANCE * np.abs(converted[chosen]).max()):
            raise disagreement(
                f"the flatbuffer's logits change by {apart.max():.3g} when its layers are read, too",
                "no change",
            )
        flips[chosen] = replayed.flips
    return flips


def _batches(first: int, differs: NDArray[np.bool_], size: int) -> Iterator[NDArray[np.intp]]:
    """Indices of the first images, then of the others that differ."""
    others = np.flatnonzero(differs[first:]) + first
    for chosen in (np.arange(first), others):
        for begin in range(0, len(chosen), size):
            yield chosen[begin : begin + size]


def _told(mistake: Mistake, image: int) -> str:
    *before, layer = mistake.layers
    behind = f" (with {', '.join(before)} before it)" if before else ""
    axes = {3: "(y, x, channel)", 2: "(x, channel)"}.get(len(mistake.place), "channel")
    place = str(mistake.place) if len(mistake.place) > 1 else str(*mistake.place)
    return (
        f"layer '{layer}'{behind}, image {image}, {axes} = {place}: {mistake.converted:.9g} in the flatbuffer, "
        f"{mistake.expected:.9g} in Keras from the same inputs; {mistake.wrong} of {mistake.size} values are wrong"
    )


def disagreement(received: str, allowed: str) -> ConversionError:
    """What is said where a flatbuffer is wrong."""
    return ConversionError(
        "The flatbuffer does not compute what the Keras model computes.",
        received=received,
        allowed=allowed,
        next_step="Nothing was written. Please report the recipe: the converter changes this network.",
    )
