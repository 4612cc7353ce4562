"""The same library in other interpreters than the one this package installs: the same numbers, also after a resize."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from lce_layers import BinaryConv
from native_runs import library, litert, run
from tiny_flatbuffers import packed_flatbuffer

from edgehybrid.runs.artefact import find_artefact

# What a program has on a board or in an app: requirements, and the module with Interpreter and load_delegate.
HOSTS = {
    "ai-edge-litert 1.4": (["ai-edge-litert==1.4.0"], "ai_edge_litert.interpreter"),
    "tflite-runtime 2.14": (["tflite-runtime==2.14.0", "numpy<2"], "tflite_runtime.interpreter"),
}
PROGRAM = """
import sys
import numpy as np
from {module} import Interpreter, load_delegate

model, library, images, results = sys.argv[1:]
interpreter = Interpreter(model_path=model, num_threads=2, experimental_delegates=[load_delegate(library)])
images = np.load(images)
for batch in (1, len(images)):
    details = interpreter.get_input_details()[0]
    interpreter.resize_tensor_input(details["index"], [batch, *images.shape[1:]])
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], images[:batch])
    interpreter.invoke()
np.save(results, interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
"""


def models() -> list[bytes]:
    """A layer, one with results in 8 bits, and a whole network."""
    network = find_artefact(Path("runs"), "zoo:hybrid_res_a").path
    return [packed_flatbuffer(), BinaryConv((6, 5), 40, 33, output="int8").flatbuffer(), network.read_bytes()]


def assert_same_numbers(command: list[str], module: str, folder: Path) -> None:
    for content in models():
        assert_same_numbers_of(content, command, module, folder)


def assert_same_numbers_of(content: bytes, command: list[str], module: str, folder: Path) -> None:
    (shape,) = (detail["shape"][1:] for detail in litert(content).get_input_details())
    images = np.random.default_rng(7).normal(size=(3, *shape)).astype(np.float32)
    (folder / "model.tflite").write_bytes(content)
    (folder / "program.py").write_text(PROGRAM.format(module=module))
    np.save(folder / "images.npy", images)
    done = subprocess.run(
        [*command, "program.py", "model.tflite", str(library()), "images.npy", "results.npy"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    expected = np.concatenate([run(content, image[None]) for image in images])
    np.testing.assert_array_equal(np.load(folder / "results.npy"), expected)


@pytest.mark.slow
@pytest.mark.parametrize("host", HOSTS)
def test_another_host_gives_the_same_numbers(host: str, tmp_path: Path) -> None:
    requirements, module = HOSTS[host]
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "host"], check=True)
    pip = [str(tmp_path / "host" / "bin" / "pip"), "install", "-q", *requirements]
    installed = subprocess.run(pip, capture_output=True, text=True)
    if "No matching distribution" in installed.stderr:
        pytest.skip(f"needs {host} from PyPI, for this Python: {installed.stderr.splitlines()[-1]}")
    assert installed.returncode == 0, installed.stderr
    assert_same_numbers([str(tmp_path / "host" / "bin" / "python")], module, tmp_path)


@pytest.mark.slow
def test_tensorflows_own_interpreter_gives_the_same_numbers(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="needs edgehybrid[train]")
    (tmp_path / "of_tensorflow.py").write_text(
        "import tensorflow as tf\n"
        "Interpreter, load_delegate = tf.lite.Interpreter, tf.lite.experimental.load_delegate\n"
    )
    assert_same_numbers([sys.executable, "-W", "ignore"], "of_tensorflow", tmp_path)
