"""bfloat16 convolutions. The switch is of the whole process, so every test has its own."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_runs import random_model, tiny_recipe

from converters.verify import verify
from edgehybrid.errors import EdgehybridError
from edgehybrid.model import precision
from edgehybrid.training import loop

BEGIN = """
import numpy as np
from edgehybrid.errors import EdgehybridError
from edgehybrid.model.compat import tf
from edgehybrid.model.precision import set_convolution_precision
random = np.random.default_rng(7)
def floats(*shape):
    return random.standard_normal(shape).astype(np.float32)
def signs(*shape):
    return np.where(floats(*shape) >= 0, 1, -1).astype(np.float32)
def convolve(x, kernel):  # VALID, in float64
    side, k = x.shape[1] - kernel.shape[0] + 1, kernel.shape[0]
    return sum(
        x[:, i:i + side, j:j + side].astype(float) @ kernel[i, j].astype(float) for i in range(k) for j in range(k)
    )
def error(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)
"""
ON = """
try:
    set_convolution_precision("bfloat16")
except EdgehybridError as refusal:
    print("skip", refusal.what)
    raise SystemExit
"""


def run(script: str) -> str:
    """What the script prints in a fresh process; skips the test where the processor has no bfloat16."""
    done = subprocess.run([sys.executable, "-c", BEGIN + script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if done.stdout.startswith("skip"):
        pytest.skip(f"needs a processor with AVX512-BF16 or AMX, and no GPU: {done.stdout}")
    return done.stdout


@pytest.mark.parametrize("channels", [16, 64, 512])
def test_sums_of_signs_stay_exact(channels: int) -> None:
    # All-positive images and filters make the largest sum, 9 · channels; odd sums above 256 have no bfloat16.
    run(f"""{ON}
x, kernel = signs(4, 6, 6, {channels}), signs(3, 3, {channels}, 32)
x[:2], kernel[..., 0], x[1, 1, 1, 0] = 1, 1, -1
y = tf.nn.conv2d(x, kernel, 1, "VALID").numpy()
assert y.max() == 9 * {channels} and 9 * {channels} - 2 in y
np.testing.assert_array_equal(y, convolve(x, kernel))
""")


def test_real_numbers_are_rounded_and_added_in_float32() -> None:
    # Two numbers rounded to 8 bits each: 2^-9 at most, root mean square over uniform mantissas about 2^-9 / sqrt(3)
    # each, so 1.6e-3 together; the weights of the sum scatter it by a third.
    run(f"""{ON}
x, kernel = floats(4, 10, 10, 32), floats(3, 3, 32, 32)
assert 5e-4 < error(tf.nn.conv2d(x, kernel, 1, "VALID").numpy(), convolve(x, kernel)) < 4e-3
""")


def test_gradients_are_rounded_for_inputs_but_not_for_weights() -> None:
    run(f"""{ON}
x, kernel, upstream = signs(4, 10, 10, 32), signs(3, 3, 32, 32), floats(4, 8, 8, 32)
variables = [tf.constant(x), tf.constant(kernel)]
with tf.GradientTape() as tape:
    tape.watch(variables)
    y = tf.nn.conv2d(*variables, 1, "VALID")
of_x, of_kernel = tape.gradient(y, variables, output_gradients=tf.constant(upstream))
border = np.pad(upstream, ((0, 0), (2, 2), (2, 2), (0, 0)))
assert 2e-4 < error(of_x.numpy(), convolve(border, kernel[::-1, ::-1].transpose(0, 1, 3, 2))) < 4e-3
expected = convolve(x.transpose(3, 1, 2, 0), upstream.transpose(1, 2, 0, 3)).transpose(1, 2, 0, 3)
assert error(of_kernel.numpy(), expected) < 1e-5  # float32 sums of 256 products
""")


def test_leaves_no_trace_for_child_processes() -> None:
    run(f"""{ON}
import os
assert "TF_SET_ONEDNN_FPMATH_MODE" not in os.environ
""")


def test_refuses_float32_after_bfloat16() -> None:
    found = run(f"""{ON}
set_convolution_precision("bfloat16")
try:
    set_convolution_precision("float32")
except EdgehybridError as refusal:
    print(refusal.what)
""")
    assert found == "This process computes convolutions in bfloat16, which cannot be undone.\n"


def test_refuses_bfloat16_after_a_convolution_in_float32() -> None:
    found = run("""
tf.nn.conv2d(tf.ones([1, 8, 8, 32]), tf.ones([3, 3, 32, 32]), 1, "VALID")
try:
    set_convolution_precision("bfloat16")
except EdgehybridError as refusal:
    print(refusal.what)
""")
    assert found in (
        "Convolutions do not compute in bfloat16.\n",
        "bfloat16 is for training on the processor, and TensorFlow would use a GPU.\n",
    )


def test_float32_computes_nothing_and_changes_nothing() -> None:
    run("""
set_convolution_precision("float32")
x, kernel = floats(4, 10, 10, 32), floats(3, 3, 32, 32)
assert error(tf.nn.conv2d(x, kernel, 1, "VALID").numpy(), convolve(x, kernel)) < 1e-5
""")


def test_training_takes_the_precision_of_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def refuse(wanted: str) -> None:
        asked.append(wanted)
        raise EdgehybridError("Convolutions do not compute in bfloat16.")

    monkeypatch.setattr(loop, "set_convolution_precision", refuse)
    for recipe in (tiny_recipe(), tiny_recipe("training.precision=bfloat16")):
        with pytest.raises(EdgehybridError, match="do not compute"):
            loop.train(recipe, tmp_path, lambda *_: None, lambda _: None)
    assert asked == ["float32", "bfloat16"]
    assert list(tmp_path.iterdir()) == []


def test_no_flatbuffer_is_compared_with_keras_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_rounding", True)
    with pytest.raises(EdgehybridError, match="in bfloat16, which cannot be undone"):
        verify(random_model(tiny_recipe()), b"", np.zeros((1, 8, 8, 1), np.float32))
