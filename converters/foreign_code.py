"""Refuses what a model file of unknown origin could run or read: Python code, classes to import, operators on files.

Loading a file by Keras makes an object of every class that its configuration names, and imports the module that it
names for it; so the configuration is read first, as JSON.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgehybrid.errors import ConversionError

WAY_OUT = (
    "Export it where its code is at hand, as a SavedModel, whose graph needs no Python: model.export('folder'), "
    "or of Keras 2 model.save('folder', save_format='tf')."
)
_PACKAGES = ("keras", "tf_keras", "larq")
# What a functional model may call by name: operators on its maps. Others read and write files, or run Python.
_CALLED = ("math.", "nn.", "__operators__.", "image.resize")
_CALLED_BY_NAME = frozenset(
    (
        *("abs", "cast", "clip_by_value", "concat", "convert_to_tensor", "expand_dims", "identity", "maximum"),
        *("minimum", "ones_like", "pad", "reduce_mean", "reshape", "sign", "split", "squeeze", "stack"),
        *("stop_gradient", "transpose", "unstack", "where", "zeros_like"),
    )
)
# Parts of the names of TensorFlow's operators that touch files, sockets or Python; no network has one.
_FORBIDDEN = ("PyFunc", "File", "Print", "Debug", "Dump", "Summary", "Dataset", "Reader", "ImmutableConst", "Rpc")
# Those that store and restore the variables of a SavedModel. Nothing else may call the functions that hold them.
_STORING = ("Save", "SaveV2", "Restore", "RestoreV2", "MergeV2Checkpoints", "ShardedFilename")
_STORING_FUNCTIONS = ("__inference__traced_save", "__inference__traced_restore")


def refuse_code(config: Any, path: Path) -> None:
    """Refuses a configuration of Keras' that holds functions, or names classes of other packages.

    Raises:
        ConversionError: naming the layer or the class.
    """
    for part, layer in _parts(config):
        name, settings, module = part["class_name"], part.get("config"), part.get("module")
        function = settings.get("function") if isinstance(settings, dict) else None
        called = function if isinstance(function, str) else ""
        is_known = called.startswith(_CALLED) or called in _CALLED_BY_NAME
        if name in ("Lambda", "__lambda__") or (name in ("TFOpLambda", "SlicingOpLambda") and not is_known):
            raise ConversionError(
                "The model file brings code along, which is never run.",
                received=f"{path}: layer '{layer}', of the class {name}{f', that calls tf.{called}' if called else ''}",
                allowed="layers of Keras and Larq",
                next_step=f"Replace the layer by one of Keras'. {WAY_OUT}",
            )
        if module is not None and not _is_known(module, name, settings):
            raise ConversionError(
                "The model has a class or a function of your own, whose code is never loaded.",
                received=f"{path}: {settings if name == 'function' else f'{module}.{name}'} in layer '{layer}'",
                allowed=f"classes and functions of {', '.join(_PACKAGES)}",
                next_step=WAY_OUT,
            )


def refuse_mixed_precision(config: Any, path: Path) -> None:
    """Refuses layers that compute in another type than float32.

    Raises:
        ConversionError: naming the first one.
    """
    for part, layer in _parts(config):
        settings = part.get("config")
        policy = settings.get("dtype") if isinstance(settings, dict) else None
        if isinstance(policy, dict) and isinstance(policy.get("config"), dict):
            policy = policy["config"].get("name")
        if isinstance(settings, dict) and isinstance(policy, str) and ("float16" in policy or policy == "float64"):
            raise mixed_precision(f"{path}: layer '{layer}' in {policy}")


def mixed_precision(received: str) -> ConversionError:
    """What is said of a model that does not compute in float32."""
    return ConversionError(
        "The model does not compute in float32; was it built with mixed precision?",
        received=received,
        allowed="float32",
        next_step="Build it with the policy 'float32', give it the trained weights, and save that.",
    )


def refuse_operators(graphs: Any, path: Path) -> None:
    """Refuses a SavedModel whose functions touch files or call Python.

    Args:
        graphs: its ``GraphDef`` messages.

    Raises:
        ConversionError: naming the operators.
    """
    found = set()
    for graph in graphs:
        for function in graph.library.function:
            is_storing = function.signature.name.startswith(_STORING_FUNCTIONS)
            for node in function.node_def:
                called = [attribute.func.name for attribute in node.attr.values() if attribute.HasField("func")]
                stores = node.op in _STORING or any(name.startswith(_STORING_FUNCTIONS) for name in called)
                if any(part in node.op for part in _FORBIDDEN if node.op not in _STORING) or (
                    stores and not is_storing
                ):
                    found.add(node.op)
    if found:
        raise ConversionError(
            "The model reads or writes files, or calls Python.",
            received=f"{path}: {', '.join(sorted(found))}",
            next_step="Take these operators out of the model; a network needs none of them.",
        )


def _parts(config: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Every object of a configuration that names a class, with the name of the layer that it is, or is a part of."""
    waiting = [(config, "")]
    while waiting:
        part, layer = waiting.pop()
        if isinstance(part, dict):
            if isinstance(part.get("class_name"), str):
                settings = part.get("config")
                layer = str(settings.get("name", layer)) if isinstance(settings, dict) else layer
                yield part, layer
            waiting += [(value, layer) for value in part.values()]
        elif isinstance(part, list):
            waiting += [(value, layer) for value in part]


def _is_known(module: Any, name: str, settings: Any) -> bool:
    if module != "builtins":
        return str(module).split(".")[0] in _PACKAGES
    # How Keras writes functions, whether its own, Larq's or a user's.
    import keras as keras_3

    from edgehybrid.model.compat import keras, larq

    homes = (keras.activations, keras_3.activations, larq.quantizers)
    return name == "function" and isinstance(settings, str) and any(hasattr(home, settings) for home in homes)
