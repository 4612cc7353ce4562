"""Whether training fits into memory: its peak, modelled from the network, against what there is. No TensorFlow."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isqrt

from edgehybrid.census.activation_memory import map_elements
from edgehybrid.errors import EdgehybridError
from edgehybrid.networks import Layer, Network, Node
from edgehybrid.networks.trainable import not_layerwise
from edgehybrid.recipe.training import Adam, Bop, Training

GIB = 2**30
FLOAT32_BYTES = 4

# Fitted to the measurements in tests/training/test_step_memory.py: the process, the numbers of both kinds of weights.
# 0.56 GiB when TensorFlow and Keras are imported, the rest when the step is traced and compiled.
PROCESS_BYTES = round(0.75 * GIB)
# Numbers for each weight besides the optimizer's: itself, its gradient, that with weight decay, and what the optimizer
# and oneDNN compute on the way; for a quantised one also its quantised value, and that times alpha.
NUMBERS_A_WEIGHT, NUMBERS_A_QUANTISED_WEIGHT = 5, 7
# Peaks were up to 1.16 times the modelled: TensorFlow's allocator gives nothing back, and leaves holes between maps of
# hundreds of MiB. The more there are of these, the larger the factor.
MOST_OVER_MODEL = 1.2
# The gradients of a map and of the map before it, and one that came round a shortcut.
GRADIENT_MAPS = 3
# The Hessian of training.health.sharpness: so many times the maps of a step, as each gradient has one of its own.
# Measured were 4.5 (float_res) and 5.8 (xnor_res, its surrogate).
HESSIAN_MAPS = 6
# Vectors of all weights that Lanczos keeps, and the few that a product makes.
LANCZOS_VECTORS = 25
# training.memory low: for each element of the largest map, the map read and the one made, in 16 bits, and what a part
# of the batch takes; fitted to benchmarks/training_memory.json.
LOW_TRANSIENT_BYTES = 8
# Float32 numbers for each weight of the largest layer: its gradient while it is applied, and copies on the way of it.
LOW_NUMBERS_OF_LARGEST = 3
LOW_MAP_BYTES = 2
# The batch that is trained on, two that wait, and the one that is being made.
BATCHES = 4


@dataclass(frozen=True)
class Demand:
    """What one process trains, and the memory that it takes on processors.

    Attributes:
        images: that are trained on: no batch has more.
        array_bytes: of all images that are in memory as arrays, with TensorFlow's copy.
        copies: of the model, in all processes.
        copies_here: in this process.
        teacher: the network to distil from.
    """

    network: Network
    training: Training
    images: int
    array_bytes: int = 0
    copies: int = 1
    copies_here: int = 1
    teacher: Network | None = None

    @property
    def peak_bytes(self) -> int:
        """The greatest resident size of the process in a training step: the sum of

        - the process itself; its arrays of images; the weights of a teacher;
        - for each copy of the model: a few batches; the weights, with all that ``NUMBERS_A_WEIGHT`` says, the
          optimizer's numbers and, with ``gradient_accumulation``, sums of gradients;
        - for each image that a copy computes at once: the maps that wait for the backward pass, and their gradients;
          more of them, and vectors of weights, where sharpness is measured, whose images are kept.

        What else comes between steps, evaluation, figures of health and checkpoints, takes less. Measured peaks were
        0.92 to 1.16 times this; with sharpness, 0.82 to 0.97.
        """
        batch = self._batch_of_copy
        image_bytes = FLOAT32_BYTES * self.network.image_side**2 * self.network.image_channels
        copy_bytes = (
            BATCHES * batch * image_bytes
            + _weight_bytes(self.network, self.training)
            + -(-batch // self.training.gradient_accumulation) * self._bytes_an_image()
            + self._sharpness_bytes(image_bytes)
        )
        teacher_bytes = FLOAT32_BYTES * self.teacher.weights if self.teacher is not None else 0
        return PROCESS_BYTES + self.array_bytes + teacher_bytes + self.copies_here * copy_bytes

    @property
    def needed_bytes(self) -> int:
        """What must be available: the highest that the peak may be."""
        return round(MOST_OVER_MODEL * self.peak_bytes)

    def check(self, available: int | None) -> None:
        """Refuses to train where ``needed_bytes`` are not available. Where that is not known, None, refuses nothing.

        Raises:
            EdgehybridError: says which accumulation of gradients, and which batch, would fit.
        """
        if available is None or self.needed_bytes <= available:
            return
        is_low = self.training.memory == "low"
        parts, largest = 0 if is_low else self._fewest_parts(available), self._largest_batch(available)
        fitting: dict[str, object] = {"gradient_accumulation": parts, "batch_size": largest}
        fits_in_bits = self._with(memory="low").needed_bytes <= available
        if not is_low and fits_in_bits and not not_layerwise(self.network):
            fitting["memory"] = "low"
        settings = " or ".join(f"--set training.{key}={value}" for key, value in fitting.items() if value)
        raise EdgehybridError(
            "Training could need more memory than there is.",
            received=f"up to {self.needed_bytes / GIB:.1f} GiB for {self.network.name} with training.batch_size "
            f"{self.training.batch_size} and training.gradient_accumulation {self.training.gradient_accumulation}",
            allowed=f"{available / GIB:.1f} GiB, which this process can get",
            next_step=f"Free memory, or start a training with {settings}."
            if settings
            else "Free memory, or train a smaller network: no batch of this one fits.",
        )

    @property
    def _batch_of_copy(self) -> int:
        return -(-min(self.training.batch_size, self.images) // self.copies)

    def _sharpness_bytes(self, image_bytes: int) -> int:
        """What measuring sharpness takes beyond a step; it is computed in float32, whatever the precision."""
        settings = self.training.health.sharpness
        if settings is None:
            return 0
        at_once = -(-self._batch_of_copy // self.training.gradient_accumulation)
        of_step = at_once * self._bytes_an_image()
        of_hessian = HESSIAN_MAPS * min(at_once, settings.images) * self._with(precision="float32")._bytes_an_image()
        vectors = LANCZOS_VECTORS * FLOAT32_BYTES * self.network.weights
        return max(0, of_hessian - of_step) + vectors + settings.images * image_bytes

    def _with(self, **fields: object) -> "Demand":
        return replace(self, training=self.training.model_copy(update=fields))

    def _fewest_parts(self, available: int) -> int:
        """The least ``gradient_accumulation`` that fits, 0 where none does. A part of a whole batch has two images
        at least: the BatchNorm of dense layers makes one image the same as any other.
        """
        batch = self.training.batch_size
        small = [n for n in range(1, isqrt(batch) + 1) if batch % n == 0]
        for parts in sorted({*small, *(batch // n for n in small)}):
            if 2 * parts <= self._batch_of_copy and self._with(gradient_accumulation=parts).needed_bytes <= available:
                return parts
        return 0

    def _largest_batch(self, available: int) -> int:
        """The largest ``batch_size`` that fits, computed in as many parts as now; 0 where none does."""
        unit = self.copies * self.training.gradient_accumulation
        units = range(1, self.training.batch_size // unit + 1)
        return unit * bisect_right(units, available, key=lambda n: self._with(batch_size=n * unit).needed_bytes)

    def _bytes_an_image(self) -> int:
        """The most that maps take, for one image, on the walk back: those still kept, and gradients."""
        if self.training.memory == "low":
            return self._bytes_an_image_in_bits()
        number_bytes = 2 if self.training.precision == "bfloat16" else FLOAT32_BYTES
        elements, layers = map_elements(self.network), {layer.name: layer for layer in self.network.layers}
        kept: dict[str, int] = {}
        peak = 0
        for node in self.network.graph:
            layer = layers.get(node.name) if node.op == "layer" else None
            kept |= _kept(node, layer, elements, number_bytes, self.network.learned_thresholds)
            widest = max(elements[name] for name in (node.name, *node.inputs))
            peak = max(peak, sum(kept.values()) + GRADIENT_MAPS * number_bytes * widest)
        return peak

    def _bytes_an_image_in_bits(self) -> int:
        """With ``training.memory: low``: what is kept of all maps, and what the largest takes while it is made."""
        elements, layers = map_elements(self.network), {layer.name: layer for layer in self.network.layers}
        kept = sum(
            _kept_bits(node, layers.get(node.name) if node.op == "layer" else None, elements)
            for node in self.network.graph
        )
        return round(kept + LOW_TRANSIENT_BYTES * max(elements.values()))


def _kept_bits(node: Node, layer: Layer | None, elements: Mapping[str, int]) -> float:
    """Bytes, for one image, that ``training.memory: low`` keeps of a node: edgehybrid/training/layerwise.py."""
    of_input = elements[node.inputs[0]]
    if layer is not None:
        return LOW_MAP_BYTES * of_input if layer.is_float else 2 * of_input / 8
    bits = {"batch_norm": 1, "relu": 1, "max_pool": 0.5}
    return bits.get(node.op, 0) * of_input / 8


def _kept(
    node: Node, layer: Layer | None, elements: Mapping[str, int], number_bytes: int, thresholds: bool
) -> dict[str, int]:
    """Bytes, for one image, of each map that the gradient of a node reads, by name: the same map has the same name."""
    source = node.inputs[0]
    of_input, of_output = elements[source], elements[node.name]
    if layer is not None and not layer.is_float:
        return _kept_by_quantised(layer, source, number_bytes, thresholds)
    if node.op == "batch_norm" and thresholds:
        # Most are read by a threshold, and then compute in float32.
        return {source: FLOAT32_BYTES * of_input}
    if layer is not None or node.op == "batch_norm":
        return {source: number_bytes * of_input}
    if node.op == "relu":
        return {node.name: number_bytes * of_output}
    if node.op == "rprelu":
        # What is above the shift, and what is below; in float32.
        return {f"{node.name}{part}": FLOAT32_BYTES * of_output for part in ("+", "-")}
    if node.op == "max_pool":
        return {source: number_bytes * of_input, node.name: number_bytes * of_output}
    return {}


def _kept_by_quantised(layer: Layer, source: str, number_bytes: int, thresholds: bool) -> dict[str, int]:
    """The map that a quantiser reads, for where its gradient ends, and the quantised map, for that of the kernel."""
    read = f"{layer.name}-" if thresholds else source
    if layer.activation_bits == 1:
        kept = dict.fromkeys((read, f"{layer.name}±"), number_bytes * layer.inputs)
    else:
        # In float32 whatever the precision, with a border; and the sums, for the gradient of alpha.
        with_border = (layer.in_side + max(layer.kernel_side - layer.stride, 0)) ** 2 * layer.in_channels
        kept = {
            f"{layer.name}-": FLOAT32_BYTES * layer.inputs,
            f"{layer.name}±": FLOAT32_BYTES * with_border,
            f"{layer.name}*": FLOAT32_BYTES * layer.outputs,
        }
    if layer.is_split:
        kept |= {source: number_bytes * layer.inputs}
        if layer.float_filter_input == "sign":
            kept[f"{layer.name}f"] = number_bytes * layer.inputs
    return kept


def _weight_bytes(network: Network, training: Training) -> int:
    """Bytes of weights and of all that is kept for each."""
    quantised = sum(layer.weights // layer.out_channels * layer.quantised_filters for layer in network)
    numbers = NUMBERS_A_WEIGHT * (network.weights - quantised) + NUMBERS_A_QUANTISED_WEIGHT * quantised
    if training.memory == "low":
        numbers = network.weights + LOW_NUMBERS_OF_LARGEST * max(layer.weights for layer in network)
    if training.gradient_accumulation > 1:
        numbers += network.weights
    if isinstance(training.optimizer, Bop):
        # One running mean for each of its own, two moments for Adam's.
        slots = quantised + 2 * (network.weights - quantised)
    else:
        slots = network.weights * (2 if isinstance(training.optimizer, Adam) else 1)
    return FLOAT32_BYTES * (numbers + slots)
