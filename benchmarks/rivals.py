"""Flatbuffers of one network with random weights in every form that the runtimes are compared in.

packed            1-bit layers as bits
int8, float32     its full-precision twin
int8_folded, float32_folded
                  the twin without its BatchNorm. In these topologies it stands before a ReLU behind a residual
                  map, where no converter can fold it, and costs a multiplication and an addition of each map;
                  these two show what a topology would cost whose BatchNorm folds.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgehybrid.census.formats import Format, Target
from edgehybrid.networks import float_twin, network_of, without_batch_norm
from edgehybrid.recipe import load_recipe

QUICKNET = "quicknet"
NETWORKS = ("hybrid_res_a", "xnor_res", "hybrid_res_a_x2", "hybrid_res_c", "hybrid_vgg_a", QUICKNET)
# The format of each form. QuickNet's BatchNorm stands behind its convolutions and folds.
FORMS: Mapping[str, Format] = {
    "packed": "packed",
    "int8": "int8",
    "float32": "float32",
    "int8_folded": "int8",
    "float32_folded": "float32",
}
CALIBRATION_IMAGES = 20


class SkippedError(Exception):
    """A network that cannot be made here; the message says why."""


def flatbuffers_of(name: str, folder: Path, target: Target) -> dict[str, Path]:
    """Makes the files that are not in the folder yet.

    Returns:
        the file of each form.

    Raises:
        SkippedError: QuickNet without larq-zoo.
    """
    forms = [form for form in FORMS if name != QUICKNET or not form.endswith("_folded")]
    files = {form: folder / f"{name}.{form}.tflite" for form in forms}
    models: dict[str, Any] = {}
    for form, file in files.items():
        if file.exists():
            continue
        from converters.export import export
        from converters.pack import pack

        kind = _kind(form)
        if kind not in models:
            models[kind] = _quicknet(kind) if name == QUICKNET else _model(name, kind)
        model = models[kind]
        noise = np.random.default_rng(0).standard_normal((CALIBRATION_IMAGES, *model.input_shape[1:]), np.float32)
        content = export(model, FORMS[form], noise)
        file.write_bytes(pack(content)[0] if form == "packed" else content)
    return files


def _kind(form: str) -> str:
    return "hybrid" if form == "packed" else "folded" if form.endswith("_folded") else "twin"


def _model(recipe_name: str, kind: str) -> Any:
    from edgehybrid.model.build import build_model

    recipe = load_recipe(recipe_name)
    network = network_of(recipe if kind == "hybrid" else float_twin(recipe))
    return with_random_batch_norm(build_model(without_batch_norm(network) if kind == "folded" else network))


def _quicknet(kind: str) -> Any:
    """larq-zoo's QuickNet, or its twin: every quantised convolution a ReLU and a plain one."""
    from edgehybrid.model.compat import keras

    try:
        import larq
        import larq_zoo  # type: ignore[import-untyped]
    except ModuleNotFoundError as error:
        raise SkippedError(f"{error.name} is not installed: pip install --no-deps larq-zoo zookeeper") from error
    model = larq_zoo.sota.QuickNet(weights=None)
    if kind == "twin":

        def in_full_precision(layer: Any) -> Any:
            if not isinstance(layer, larq.layers.QuantConv2D) or layer.input_quantizer is None:
                return layer.__class__.from_config(layer.get_config())
            settings = ("filters", "kernel_size", "strides", "padding", "activation", "use_bias", "name")
            plain = keras.layers.Conv2D(**{key: layer.get_config()[key] for key in settings})
            return keras.Sequential([keras.layers.ReLU(), plain], name=layer.name)

        model = keras.models.clone_model(model, clone_function=in_full_precision)
    return with_random_batch_norm(model)


def with_random_batch_norm(model: Any) -> Any:
    """Its averages are not the initial 0 and 1, which would make sums of signs lie at the next threshold."""
    from edgehybrid.model.compat import keras

    random = np.random.default_rng(0)
    draws: Mapping[str, Callable[[Any], Any]] = {
        "gamma": lambda shape: random.uniform(0.8, 1.2, shape),
        "beta": lambda shape: random.normal(0, 0.2, shape),
        "moving_mean": lambda shape: random.normal(0, 0.2, shape),
        "moving_variance": lambda shape: random.uniform(0.8, 1.2, shape),
    }
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            for weight in layer.weights:
                weight.assign(draws[weight.name.split("/")[-1].split(":")[0]](weight.shape))
    return model
