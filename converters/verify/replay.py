"""Every layer by itself: Keras computes each matched tensor from the values that the flatbuffer has before it.

The steps of the model run in their order. Where a tensor is matched, Keras' numbers are compared with the bounds that
the flatbuffer's values set (``bounds.py``), and then replaced by the nearest within: steps that follow read what the
flatbuffer read. A difference is therefore that of the layers between two matched tensors, and goes no further.

Tolerance. Both sides add the same float32 terms in another order. A sum of n terms of random signs and rms size s has
partial sums up to about sqrt(n) s; each of n additions rounds by at most 2^-24 of one, at random, so the result is off
by about sqrt(n) · 2^-24 · sqrt(n) s, and sqrt(n) s is its own rms size. The largest n here is 25,088, of the first
dense layer of VGG-19 at 224 pixels: 160 · 6e-8 = 1e-5 of the rms size of the map, which its largest number exceeds.
Sums in blocks, which every kernel here has, and shorter ones are nearer: up to 3e-6 was measured.

    |difference| <= 1e-5 · f · scale

The scale is that of the sums, not of what is left of them when BatchNorm has subtracted their mean:

    scale(y) = max |y|                                        behind a layer that quantises its input
    scale(y_c) = |γ_c| / sqrt(v_c + ε) · (scale(x_c) + |μ_c|) + |β_c|     behind BatchNorm
    scale(y_c) = scale(x_c) + |t_c|                           behind a learned threshold
    scale(y) = max |y| · scale(x) / max |x|                   behind anything else; of several maps at least scale(x)

and max |x| again at every matched float32 map. f is 1 but for a layer of k > 1 bits and what follows it up to the next
matched float32 map. Such a layer reads whole numbers times 2/(2^k - 1), less 1. TensorFlow Lite makes the 1 a bias by
adding all n weights of a filter to BatchNorm's, one by one in float32. They have few values, so that all n roundings,
each at most 2^-24 of the sum, may go the same way: measured 1.2e-4 of a sum of 0.8 in one of 4,096 filters.

    f = max(1, n · 2^-24 / 1e-5)

A bit may be on the other side of its threshold only if Keras' number is that near to it. No mistake is as small. The
sums of binary layers are exact, and a step of one, 2 of at most 4,608, is 4e-4 of the scale and more. Another value of
one of 4,608 2-bit weights is 2/3 of a sum whose largest numbers are about 4 · 0.7 · sqrt(4608): 4e-3, where
1e-5 f = 2.7e-4.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from converters.quantisers import MOST_LEVELS
from converters.taps import Tap
from converters.verify.bounds import Floats, bounds
from converters.verify.matching import Pairs
from converters.verify.step_graph import Operator
from converters.verify.steps import ModelGraph, Step
from edgehybrid.model.activations import LearnedThreshold
from edgehybrid.model.compat import keras

ROUNDING = 1e-5


class Mistake(NamedTuple):
    """The first layer at which a flatbuffer has something else than Keras.

    Attributes:
        layers: Keras' layers from the matched tensors before to this one.
        image: its place in the batch.
        place: of the number that is farthest off: (y, x, channel) of a map.
        converted: in the flatbuffer; of bits the nearest number on their side of the threshold.
        expected: by Keras from the flatbuffer's own inputs.
        tolerance: how far apart they may be.
        wrong: how many of the batch are too far off.
        size: of how many.
    """

    layers: tuple[str, ...]
    image: int
    place: tuple[int, ...]
    converted: float
    expected: float
    tolerance: float
    wrong: int
    size: int


class Replayed(NamedTuple):
    """A batch of images without a mistake.

    Attributes:
        flips: whether a quantiser gives another value in the flatbuffer than in Keras alone, for each image; only
            where it was asked for.
        largest: the largest difference as a part of its tolerance, with the tensor's layer.
    """

    flips: NDArray[np.bool_]
    largest: tuple[float, str]


def replay(
    graph: ModelGraph,
    taps: Sequence[Tap],
    pairs: Pairs,
    images: Floats,
    values: Sequence[NDArray[Any]],
    find_flips: bool = False,
) -> Replayed | Mistake:
    """Checks every matched tensor of a batch, up to the first mistake.

    Args:
        images: normalised (n, side, side, channels).
        values: what the flatbuffer has at each tap, (n, …); those of no pair are not read.
        find_flips: whether Keras runs on the images alone, too, for ``Replayed.flips``.
    """
    run = _Run(graph, taps, pairs, values, images, find_flips)
    for _, mistake in _mistakes(run):
        return mistake
    return Replayed(run.flips, run.largest)


def failing(
    graph: ModelGraph, taps: Sequence[Tap], pairs: Pairs, images: Floats, values: Sequence[NDArray[Any]]
) -> list[tuple[int, int]]:
    """Every (tensor, tap) that has a mistake, in the order of execution; each is checked as in ``replay``."""
    return [place for place, _ in _mistakes(_Run(graph, taps, pairs, values, images, False))]


def _mistakes(run: "_Run") -> Iterator[tuple[tuple[int, int], Mistake]]:
    for step in run.graph.steps:
        for tensor, output in zip(step.outputs, step(run.values), strict=True):
            scale = _scale(step, output, run)
            number, rounding = output, scale
            for place in run.pairs.of_tensor.get(tensor, ()):
                tap = run.taps[place]
                nearest = bounds(tap, run.tapped[place], output.shape).nearest(number)
                allowed = np.broadcast_to(np.float32(ROUNDING * scale.factor) * scale.size, output.shape)
                off = np.abs(nearest - number)
                # Not "off > allowed": a NaN is a mistake.
                if not np.all(off <= allowed):
                    yield (tensor, place), _mistake(run, tensor, (number, nearest), off, allowed)
                run.note(float(np.max(off / np.maximum(allowed, np.finfo(np.float32).tiny), initial=0)), step.name)
                number = nearest
                if tap.threshold is None and tap.clip == Tap.clip:
                    rounding = _Scale(np.float32(np.abs(nearest).max(initial=0)))
            run.set(tensor, number, rounding)
        run.find_flips(step)
        run.forget(step)


class _Scale(NamedTuple):
    """Of the sums behind a tensor: their size, one number or one a channel, and f of the module's docstring."""

    size: Any
    factor: float = 1.0


class _Run:
    """What is known while the steps run: numbers and scales of tensors that somebody will still read."""

    def __init__(
        self,
        graph: ModelGraph,
        taps: Sequence[Tap],
        pairs: Pairs,
        tapped: Sequence[NDArray[Any]],
        images: Floats,
        find_flips: bool,
    ) -> None:
        self.graph, self.taps, self.pairs, self.tapped = graph, taps, pairs, tapped
        self.values: dict[int, Any] = {0: images}
        self.scales: dict[int, Any] = {0: _Scale(np.float32(np.abs(images).max(initial=0)))}
        self.alone: dict[int, Any] | None = {0: images} if find_flips else None
        self.flips = np.zeros(len(images), bool)
        self.largest = (0.0, "")
        self._last = {number: step.index for step in graph.steps for number in step.inputs}

    def set(self, tensor: int, number: Floats, scale: _Scale) -> None:
        self.values[tensor], self.scales[tensor] = number, scale

    def note(self, difference: float, name: str) -> None:
        self.largest = max(self.largest, (difference, name))

    def forget(self, step: Step) -> None:
        for number in (*step.inputs, *step.outputs):
            if self._last.get(number, -1) <= step.index and number != self.graph.output:
                for kept in (self.values, self.scales, *([] if self.alone is None else [self.alone])):
                    kept.pop(number, None)

    def find_flips(self, step: Step) -> None:
        """Runs a step on Keras' own numbers, and compares what is quantised."""
        if self.alone is None:
            return
        self.alone.update(zip(step.outputs, step(self.alone), strict=True))
        quantise = getattr(step.layer, "input_quantizer", None)
        if quantise is not None:
            (number,) = step.inputs
            self._compare(quantise(self.alone[number]), quantise(self.values[number]))
        for number in step.outputs:
            # A few numbers, as the logits of ten classes are, have few values without being quantised.
            one = self.values[number][:1]
            if len(np.unique(one)) <= min(MOST_LEVELS, one.size // 2):
                self._compare(self.alone[number], self.values[number])

    def _compare(self, one: Any, other: Any) -> None:
        differs = np.asarray(one) != np.asarray(other)
        self.flips |= differs.reshape(len(differs), -1).any(axis=1)


def _scale(step: Step, output: Floats, run: _Run) -> _Scale:
    """See the module's docstring."""
    layer: Any = step.layer
    largest = np.float32(np.abs(output).max(initial=0))
    scales = [run.scales[number] for number in step.inputs]
    size, factor = scales[0].size, max(scale.factor for scale in scales)
    if isinstance(layer, Operator) and layer.gain is not None:
        return _Scale(np.asarray(np.abs(layer.gain) * size + layer.shift, np.float32), factor)
    if isinstance(layer, Operator) and layer.terms:
        levels = len(np.unique(run.values[step.inputs[0]][:1]))
        if levels <= MOST_LEVELS:
            return _Scale(largest, 1.0 if levels <= 2 else max(1.0, layer.terms * 2.0**-24 / ROUNDING))
    if isinstance(layer, keras.layers.BatchNormalization):
        gain = np.abs(layer.gamma if layer.scale else 1.0) / np.sqrt(layer.moving_variance + layer.epsilon)
        shift = np.abs(layer.beta) if layer.center else 0.0
        return _Scale(np.asarray(gain * (size + np.abs(layer.moving_mean)) + shift, np.float32), factor)
    if isinstance(layer, LearnedThreshold):
        return _Scale(np.asarray(size + np.abs(layer.threshold), np.float32), factor)
    quantiser = getattr(layer, "input_quantizer", None)
    if quantiser is not None:
        # It reads values that have no rounding.
        terms = 1 if getattr(quantiser, "precision", 1) == 1 else math.prod(layer.weights[0].shape[:-1])
        return _Scale(largest, max(1.0, terms * 2.0**-24 / ROUNDING))
    growth = [1.0]
    for number, scale in zip(step.inputs, scales, strict=True):
        if (read := np.abs(run.values[number]).max(initial=0)) > 0:
            growth.append(float(np.max(scale.size, initial=0) / read))
    grown = largest * np.float32(max(growth))
    # Maps that are added may cancel.
    return _Scale(grown if len(scales) == 1 else max(grown, *(np.max(scale.size) for scale in scales)), factor)


def _mistake(run: _Run, tensor: int, numbers: tuple[Floats, Floats], off: Floats, allowed: Floats) -> Mistake:
    number, nearest = numbers
    beyond = np.where(np.isnan(off), np.float32(np.inf), off - allowed)
    # The first image that is wrong, and in it the number that is farthest off.
    wrong = ~(off <= allowed)
    image = int(np.argmax(wrong.reshape(len(wrong), -1).any(axis=1)))
    index = np.unravel_index(int(np.argmax(beyond[image])), beyond[image].shape)
    place = (image, *(int(i) for i in index))
    return Mistake(
        layers=_piece(run.graph, run.pairs, tensor),
        image=image,
        place=place[1:],
        converted=float(nearest[place]),
        expected=float(number[place]),
        tolerance=float(allowed[place]),
        wrong=int(wrong.sum()),
        size=number.size,
    )


def _piece(graph: ModelGraph, pairs: Pairs, tensor: int) -> tuple[str, ...]:
    """Names of the layers between a tensor and the matched ones before it, in the order of execution."""
    found: dict[int, Step] = {}
    waiting = [tensor]
    while waiting:
        step = graph.maker(waiting.pop())
        if step is None or step.index in found:
            continue
        found[step.index] = step
        waiting += [number for number in step.inputs if number not in pairs.of_tensor]
    return tuple(found[index].name for index in sorted(found))
