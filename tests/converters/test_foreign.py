"""Loading models of a user's own, and refusing what is none."""

import json
import os
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from foreign_models import CLASSES, FORMS, SHAPE, float_layers, images, keras_3_model, larq_layers, model_of, saved

from converters.foreign import open_foreign
from converters.frozen import FrozenModel
from edgehybrid.errors import ConversionError
from edgehybrid.model.compat import keras, tf


@pytest.mark.parametrize("form", FORMS)
def test_a_loaded_model_computes_what_it_did(form: str, tmp_path: Path) -> None:
    path = saved(tmp_path, form)
    loaded = open_foreign(path)
    assert (loaded.name, loaded.input_shape, loaded.outputs) == (path.name, SHAPE, CLASSES)
    assert len(loaded.sha256) == 64
    assert isinstance(loaded.model, FrozenModel) == (form not in ("h5", "keras_2"))
    if form.startswith("keras_3"):
        expected = keras_3_model()(images(), training=False)
    else:
        expected = model_of(larq_layers)(images(), training=False)
    # float32, convolved in another order.
    np.testing.assert_allclose(np.asarray(loaded.model(images())), np.asarray(expected), atol=1e-4)


def test_the_hash_is_of_every_file(tmp_path: Path) -> None:
    path = saved(tmp_path, "saved_model", float_layers)
    before = open_foreign(path).sha256
    assert open_foreign(path).sha256 == before
    (path / "note.txt").write_text("changed")
    assert open_foreign(path).sha256 != before


def test_refuses_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="no such model file"):
        open_foreign(tmp_path / "net.h5")


class Hostile:
    """Makes a file when it is unpickled, or called."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("name", ["net.h5", "net.keras", "saved_model.pb"])
def test_never_unpickles(name: str, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    file = tmp_path / "model" / name
    file.parent.mkdir()
    file.write_bytes(pickle.dumps(Hostile(trace)))
    with pytest.raises(ConversionError, match="damaged, or of another format"):
        open_foreign(file.parent if name == "saved_model.pb" else file)
    assert not trace.exists()


@pytest.mark.parametrize("form", ["h5", "keras_2", "keras_3"])
def test_never_runs_the_code_of_a_lambda(form: str, tmp_path: Path) -> None:
    trace = str(tmp_path / "trace")

    def called(x: Any) -> Any:
        Path(trace).mkdir(exist_ok=True)
        return x

    if form == "keras_3":
        import keras as package
    else:
        package = keras
    image = package.Input(SHAPE)
    x = package.layers.Dense(CLASSES)(package.layers.Flatten()(package.layers.Lambda(called, name="mine")(image)))
    path = tmp_path / ("net.h5" if form == "h5" else "net.keras")
    package.Model(image, x).save(path)
    Path(trace).rmdir()
    with pytest.raises(ConversionError, match="never run") as error:
        open_foreign(path)
    assert "'mine'" in str(error.value.received)
    assert not Path(trace).exists()


def test_refuses_a_layer_whose_class_is_not_at_hand(tmp_path: Path) -> None:
    class Mine(keras.layers.Layer):  # type: ignore[misc]
        pass

    image = keras.Input(SHAPE)
    path = tmp_path / "net.h5"
    keras.Model(image, float_layers(Mine(name="mine")(image))).save(path)
    with pytest.raises(ConversionError, match="Mine") as error:
        open_foreign(path)
    assert "SavedModel" in str(error.value.next_step)


def test_needs_no_class_that_was_for_training(tmp_path: Path) -> None:
    class Mine(keras.initializers.Initializer):  # type: ignore[misc]
        def __call__(self, shape: Any, dtype: Any = None, **_: Any) -> Any:
            return tf.ones(shape, dtype)

        def get_config(self) -> dict[str, Any]:
            return {}

    image = keras.Input(SHAPE)
    x = keras.layers.Conv2D(4, 3, kernel_initializer=Mine(), kernel_regularizer="l2")(image)
    model = keras.Model(image, float_layers(x))
    for name in ("net.h5", "net.keras"):
        model.save(tmp_path / name)
        loaded = open_foreign(tmp_path / name)
        np.testing.assert_array_equal(np.asarray(loaded.model(images())), np.asarray(model(images())))


def test_loads_the_old_format_of_keras_3(tmp_path: Path) -> None:
    import keras as keras_3

    image = keras_3.Input(SHAPE)
    model = keras_3.Model(image, keras_3.layers.Dense(CLASSES)(keras_3.layers.Flatten()(image)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(tmp_path / "net.h5")
    loaded = open_foreign(tmp_path / "net.h5")
    np.testing.assert_allclose(np.asarray(loaded.model(images())), np.asarray(model(images())), atol=1e-4)


def test_a_saved_model_needs_no_class(tmp_path: Path) -> None:
    class Mine(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return 2 * x

    image = keras.Input(SHAPE)
    model = keras.Model(image, float_layers(Mine(name="mine")(image)))
    model.save(tmp_path / "net", save_format="tf")
    loaded = open_foreign(tmp_path / "net")
    np.testing.assert_allclose(np.asarray(loaded.model(images())), np.asarray(model(images())), atol=1e-5)


def test_refuses_weights_without_a_model(tmp_path: Path) -> None:
    model_of(float_layers).save_weights(tmp_path / "net.h5")
    with pytest.raises(ConversionError, match="weights, but no model"):
        open_foreign(tmp_path / "net.h5")


@pytest.mark.parametrize("form", ["h5", "saved_model"])
def test_refuses_an_open_size(form: str, tmp_path: Path) -> None:
    path = tmp_path / ("net.h5" if form == "h5" else "net")
    model_of(float_layers, (None, None, 3)).save(path, **({} if form == "h5" else {"save_format": "tf"}))
    with pytest.raises(ConversionError, match="no fixed size"):
        open_foreign(path)


def test_refuses_several_inputs(tmp_path: Path) -> None:
    one, two = keras.Input(SHAPE), keras.Input(SHAPE)
    keras.Model([one, two], float_layers(keras.layers.Add()([one, two]))).save(tmp_path / "net.h5")
    with pytest.raises(ConversionError, match="several inputs"):
        open_foreign(tmp_path / "net.h5")


@pytest.mark.parametrize("form", ["h5", "saved_model"])
def test_refuses_mixed_precision(form: str, tmp_path: Path) -> None:
    image = keras.Input(SHAPE)
    x = keras.layers.Conv2D(4, 3, dtype="mixed_float16", name="half")(image)
    x = keras.layers.Dense(CLASSES, dtype="float32")(keras.layers.Flatten(dtype="float32")(x))
    path = tmp_path / ("net.h5" if form == "h5" else "net")
    keras.Model(image, x).save(path, **({} if form == "h5" else {"save_format": "tf"}))
    with pytest.raises(ConversionError, match="mixed precision") as error:
        open_foreign(path)
    assert "half" in str(error.value.received)


def test_refuses_links_to_other_files(tmp_path: Path) -> None:
    path = saved(tmp_path, "h5", float_layers)
    with h5py.File(path, "a") as file:
        file["elsewhere"] = h5py.ExternalLink("/etc/hostname", "/")
    with pytest.raises(ConversionError, match="leads to other files") as error:
        open_foreign(path)
    assert "elsewhere" in str(error.value.received)


@pytest.mark.parametrize("form", ["h5", "keras_3", "saved_model"])
def test_refuses_a_file_that_was_cut_off(form: str, tmp_path: Path) -> None:
    path = saved(tmp_path, form, float_layers)
    file = path / "saved_model.pb" if path.is_dir() else path
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(ConversionError, match=r"damaged|cannot be loaded"):
        open_foreign(path)


def test_names_the_version_that_wrote_what_cannot_be_loaded(tmp_path: Path) -> None:
    path = saved(tmp_path, "h5", float_layers)
    with h5py.File(path, "a") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][1]["config"]["of_another_version"] = 1
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.0.1"
    with pytest.raises(ConversionError, match="cannot be loaded") as error:
        open_foreign(path)
    assert "written by Keras 2.0.1" in str(error.value.received)


def test_refuses_pickled_weights_in_a_keras_file(tmp_path: Path) -> None:
    path = saved(tmp_path, "keras_3")
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("model.weights.h5", "model.weights.npz"), content)
    with pytest.raises(ConversionError, match="damaged"):
        open_foreign(path)


def test_refuses_a_saved_model_that_writes_files(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    module = tf.Module()

    def infer(image: Any) -> Any:
        tf.io.write_file(str(trace), "written")
        return tf.reduce_mean(image, axis=[1, 2])

    module.infer = tf.function(infer, input_signature=[tf.TensorSpec([None, *SHAPE], tf.float32)])
    tf.saved_model.save(module, str(tmp_path / "net"), signatures=module.infer)
    with pytest.raises(ConversionError, match="reads or writes files") as error:
        open_foreign(tmp_path / "net")
    assert "WriteFile" in str(error.value.received)
    assert not trace.exists()
