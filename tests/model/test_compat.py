"""The one place that loads TensorFlow: with Keras 2, without notes of its own, or with a reason why not."""

from importlib.metadata import version
from pathlib import Path

import pytest
from processes import python

from edgehybrid.model.compat import keras, larq, tf, versions

FOREIGN = "import sys, types\nsys.modules['tensorflow'] = types.ModuleType('tensorflow')\n"


def test_keras_is_keras_2_also_where_larq_takes_it_from() -> None:
    assert keras.__version__.startswith("2.")
    assert issubclass(larq.layers.QuantConv2D, keras.layers.Layer)
    assert issubclass(larq.layers.QuantConv2D, tf.keras.layers.Layer)


def test_versions_are_those_that_are_installed() -> None:
    assert versions() == {name: version(name) for name in ("tensorflow", "tf-keras", "larq")}


@pytest.mark.parametrize("setting", [{}, {"TF_USE_LEGACY_KERAS": "0"}], ids=["unset", "0"])
def test_refuses_a_tensorflow_that_was_loaded_with_keras_3(setting: dict[str, str]) -> None:
    code = f"import os\nos.environ.pop('TF_USE_LEGACY_KERAS', None)\nos.environ.update({setting!r})\n{FOREIGN}"
    done = python(f"{code}import edgehybrid.model.compat")
    assert done.returncode == 1
    assert "TensorFlow was imported before edgehybrid, with Keras 3." in done.stderr
    assert "next: Set TF_USE_LEGACY_KERAS=1" in done.stderr


@pytest.mark.parametrize("missing", ["tensorflow", "larq"])
def test_a_package_that_is_not_installed_is_named_with_the_extra(missing: str, tmp_path: Path) -> None:
    absent = f"raise ModuleNotFoundError(\"No module named '{missing}'\", name='{missing}')"
    (tmp_path / f"{missing}.py").write_text(absent)
    done = python("import edgehybrid.model.compat", PYTHONPATH=str(tmp_path), PYTHONDONTWRITEBYTECODE="1")
    assert done.returncode == 1
    assert f"needs the Python package '{missing}', which is not installed" in done.stderr
    assert "pip install 'edgehybrid[train]'" in done.stderr


def test_a_binary_layer_is_no_reason_for_a_warning() -> None:
    layer = "larq.layers.QuantConv2D(2, 3, input_quantizer='ste_sign', kernel_quantizer='ste_sign')"
    done = python(f"from edgehybrid.model.compat import larq\n{layer}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
