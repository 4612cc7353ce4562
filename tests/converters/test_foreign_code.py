"""What a model file may not bring along."""

from pathlib import Path
from typing import Any

import pytest
from foreign_models import larq_layers, model_of

from converters.foreign_code import refuse_code, refuse_mixed_precision, refuse_operators
from edgehybrid.errors import ConversionError

FILE = Path("net.h5")


def layer(class_name: str, module: str | None = None, **settings: Any) -> dict[str, Any]:
    part = {"class_name": class_name, "config": {"name": "mine", **settings}}
    return {"class_name": "Functional", "config": {"layers": [part | ({"module": module} if module else {})]}}


def function_named(name: str) -> dict[str, Any]:
    return {"class_name": "function", "module": "builtins", "config": name, "registered_name": "function"}


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (layer("Lambda", function=["4wEAAAA=", None, None]), "'mine', of the class Lambda"),
        (layer("Dense", activation={"class_name": "__lambda__", "config": {"value": "4wE="}}), "__lambda__"),
        (layer("TFOpLambda", function="io.write_file"), "calls tf.io.write_file"),
        (layer("TFOpLambda", function="py_function"), "calls tf.py_function"),
        (layer("SlicingOpLambda", function="io.read_file"), "calls tf.io.read_file"),
        (layer("Popen", module="subprocess"), "subprocess.Popen"),
        (layer("MyLayer", module="my_package.layers"), "my_package.layers.MyLayer"),
        (layer("MyLayer", module="kerasfake"), "kerasfake.MyLayer"),
        (layer("Dense", activation=function_named("eval")), "eval in layer 'mine'"),
        (layer("QuantDense", kernel_quantizer=function_named("my_sign")), "my_sign in layer 'mine'"),
        ({"class_name": "exec", "module": "builtins", "config": {}}, "builtins.exec"),
    ],
)
def test_code_is_refused_by_name(config: Any, named: str) -> None:
    with pytest.raises(ConversionError) as error:
        refuse_code(config, FILE)
    assert named in str(error.value.received)
    assert "SavedModel" in str(error.value.next_step)


def test_code_is_found_at_any_depth() -> None:
    config: Any = layer("Lambda")
    for _ in range(5000):
        config = [{"config": config}]
    with pytest.raises(ConversionError, match="never run"):
        refuse_code(config, FILE)


@pytest.mark.parametrize(
    "config",
    [
        layer("TFOpLambda", function="math.greater_equal"),
        layer("TFOpLambda", function="where"),
        layer("QuantConv2D", module="larq.layers"),
        layer("Dense", module="keras.src.layers"),
        layer("Dense", activation=function_named("relu")),
        layer("QuantDense", kernel_quantizer=function_named("ste_sign")),
    ],
)
def test_layers_of_keras_and_larq_are_none(config: Any) -> None:
    refuse_code(config, FILE)


def test_a_model_of_larqs_has_none() -> None:
    config = {"class_name": "Functional", "config": model_of(larq_layers).get_config()}
    refuse_code(config, FILE)
    refuse_mixed_precision(config, FILE)


@pytest.mark.parametrize(
    "policy",
    ["mixed_float16", "bfloat16", "float64", {"class_name": "DTypePolicy", "config": {"name": "mixed_bfloat16"}}],
)
def test_mixed_precision_is_refused_with_the_layer(policy: Any) -> None:
    with pytest.raises(ConversionError, match="mixed precision") as error:
        refuse_mixed_precision(layer("Dense", dtype=policy), FILE)
    assert "'mine'" in str(error.value.received)


def graph(*functions: tuple[str, str, str]) -> Any:
    """Functions of a name with one operator, which may call another function."""
    from tensorflow.core.framework import graph_pb2

    made = graph_pb2.GraphDef()
    for name, op, called in functions:
        function = made.library.function.add()
        function.signature.name = name
        node = function.node_def.add(op=op)
        if called:
            node.attr["f"].func.name = called
    return made


SAVING = ("__inference__traced_save_12", "SaveV2", "")


@pytest.mark.parametrize(
    ("functions", "named"),
    [
        ([("net", "WriteFile", "")], "WriteFile"),
        ([("net", "ReadFile", "")], "ReadFile"),
        ([("net", "EagerPyFunc", "")], "EagerPyFunc"),
        ([("net", "PrintV2", "")], "PrintV2"),
        ([("net", "SaveV2", "")], "SaveV2"),
        ([SAVING, ("net", "PartitionedCall", SAVING[0])], "PartitionedCall"),
    ],
)
def test_operators_on_files_are_refused_by_name(functions: Any, named: str) -> None:
    with pytest.raises(ConversionError, match="reads or writes files") as error:
        refuse_operators([graph(*functions)], FILE)
    assert named in str(error.value.received)


def test_a_saved_model_may_store_its_variables() -> None:
    refuse_operators([graph(SAVING, ("net", "Conv2D", ""))], FILE)
