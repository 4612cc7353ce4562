"""Layers with kernels of the layerwise pass against a slow NumPy account of their formulas."""

import numpy as np
import pytest
from layerwise_maps import GRADIENT_TOLERANCE, MAP_TOLERANCE, SEED, Reals, assert_near, random_map, real, upstream_for

from edgehybrid.model.compat import tf
from edgehybrid.networks.network import Layer
from edgehybrid.training import kernel_passes, walks
from edgehybrid.training.kernel_passes import RealLayerPass, SignGradient, SignLayerPass


def layer_of(kind: str, side: int, kernel: int, stride: int, channels: int = 5, out: int = 3) -> Layer:
    out_side = -(-side // stride)
    return Layer("own", kind, channels, out, kernel, stride, side, out_side, side, 1, 1, 1)  # type: ignore[arg-type]


def windows(x: Reals, kernel: int, stride: int, border: float) -> Reals:
    """(n, M, M, k, k, I): what each output sees, with a border as ``SAME`` pads."""
    side = x.shape[1]
    out = -(-side // stride)
    whole = max((out - 1) * stride + kernel - side, 0)
    before = whole // 2
    padded = np.pad(x, ((0, 0), (before, whole - before), (before, whole - before), (0, 0)), constant_values=border)
    seen = np.zeros((len(x), out, out, kernel, kernel, x.shape[3]))
    for row in range(out):
        for column in range(out):
            y, z = row * stride, column * stride
            seen[:, row, column] = padded[:, y : y + kernel, z : z + kernel]
    return seen


def gradient_of_input(shape: tuple[int, ...], kernel: Reals, upstream: Reals, stride: int) -> Reals:
    k, side, out = len(kernel), shape[1], upstream.shape[1]
    whole = max((out - 1) * stride + k - side, 0)
    before = whole // 2
    grown = np.zeros((shape[0], side + whole, side + whole, shape[3]))
    for row in range(out):
        for column in range(out):
            y, z = row * stride, column * stride
            grown[:, y : y + k, z : z + k] += np.einsum("no,klio->nkli", upstream[:, row, column], kernel)
    return grown[:, before : before + side, before : before + side]


@pytest.mark.parametrize("pad_value", [0, 1])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (1, 1), (1, 2)])
@pytest.mark.parametrize("at_once", [1, 2**21])
def test_convolution_of_signs(
    kernel: int, stride: int, pad_value: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walks, "NUMBERS_AT_ONCE", at_once)
    layer = layer_of("conv", 5, kernel, stride)
    # 17 images: two whole bytes of them, and one more.
    x = random_map(17, 5, 5, 5) * tf.constant(1.5, tf.float16)
    weights = tf.Variable(np.random.default_rng(SEED).normal(size=(kernel, kernel, 5, 3)), dtype=tf.float32)
    own = SignLayerPass(layer, weights, pad_value, reads_image=False)
    y, kept = own.forward(x)
    upstream = upstream_for(y)
    (of_x,), ((variable, of_kernel),) = own.backward(upstream, kept)
    signs, kernel_signs = (np.where(real(each) >= 0, 1.0, -1.0) for each in (x, weights))
    alpha = np.abs(real(weights)).mean(axis=(0, 1, 2))
    seen = windows(signs, kernel, stride, float(pad_value) if kernel > 1 else 0.0)
    assert_near(y, np.einsum("nyxkli,klio->nyxo", seen, kernel_signs) * alpha, MAP_TOLERANCE)
    scaled = real(upstream) * alpha
    of_signs = gradient_of_input(tuple(x.shape), kernel_signs, scaled, stride)
    assert_near(of_x, of_signs * (np.abs(real(x)) < 1), GRADIENT_TOLERANCE)
    sums = np.einsum("nyxkli,nyxo->klio", seen, scaled)
    expected = np.where(sums >= 0, 1, -1) / np.sqrt(sums.size)
    assert variable is weights
    assert isinstance(of_kernel, SignGradient)
    # float32 sums that are 0 but for rounding may have either sign.
    is_clear = np.abs(sums) > 1e-5 * np.abs(sums).max()
    found = walks.signs_of(of_kernel.bits, of_kernel.shape, of_kernel.size)
    np.testing.assert_allclose(real(found)[is_clear], expected[is_clear], rtol=1e-6)


def test_zero_counts_as_plus_one_and_nothing_passes_at_one() -> None:
    layer = layer_of("conv", 1, 1, 1, channels=4, out=1)
    weights = tf.Variable(np.ones((1, 1, 4, 1)), dtype=tf.float32)
    x = tf.constant([0.0, -0.0, 1.0, -1.0], tf.float16, shape=(1, 1, 1, 4))
    own = SignLayerPass(layer, weights, 1, reads_image=False)
    y, kept = own.forward(x)
    (of_x,), _ = own.backward(tf.ones_like(y, tf.bfloat16), kept)
    assert real(y).item() == 2.0
    assert real(of_x).ravel().tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (1, 2)])
def test_full_precision_convolution(kernel: int, stride: int) -> None:
    layer = layer_of("conv", 5, kernel, stride)
    x = random_map(9, 5, 5, 5)
    weights = tf.Variable(np.random.default_rng(SEED).normal(size=(kernel, kernel, 5, 3)), dtype=tf.float32)
    own = RealLayerPass(layer, weights, reads_image=False)
    y, kept = own.forward(x)
    upstream = upstream_for(y)
    (of_x,), ((_, of_kernel),) = own.backward(upstream, kept)
    seen = windows(real(x), kernel, stride, 0.0)
    assert_near(y, np.einsum("nyxkli,klio->nyxo", seen, real(weights)), MAP_TOLERANCE)
    assert_near(of_x, gradient_of_input(tuple(x.shape), real(weights), real(upstream), stride), GRADIENT_TOLERANCE)
    assert_near(of_kernel, np.einsum("nyxkli,nyxo->klio", seen, real(upstream)), 1e-5)


@pytest.mark.parametrize("reads_image", [False, True])
@pytest.mark.parametrize("at_once", [1, 2**19])
def test_a_dense_kernel_in_slices_is_the_whole_one(
    reads_image: bool, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = layer_of("dense", 1, 1, 1, channels=37, out=6)
    weights = tf.Variable(np.random.default_rng(SEED).normal(size=(1, 1, 37, 6)), dtype=tf.float32)
    x = random_map(19, 37)
    found = []
    # All inputs at once; and eight at a time, the last slice of five.
    for weights_at_once in (2**22, 48):
        monkeypatch.setattr(kernel_passes, "WEIGHTS_AT_ONCE", weights_at_once)
        monkeypatch.setattr(walks, "NUMBERS_AT_ONCE", at_once)
        own = SignLayerPass(layer, weights, 1, reads_image)
        y, kept = own.forward(x)
        (of_x,), ((_, of_kernel),) = own.backward(upstream_for(y), kept)
        found.append((y, of_x, of_kernel))
    (y, of_x, of_kernel), (its_y, its_of_x, its_of_kernel) = found
    # Sums of ±1 are exact, whatever their order.
    np.testing.assert_array_equal(real(y), real(its_y))
    assert y.shape == (19, 6)
    assert (of_x is None) == reads_image
    if not reads_image:
        assert_near(its_of_x, real(of_x), GRADIENT_TOLERANCE)
    np.testing.assert_array_equal(of_kernel.bits, its_of_kernel.bits)


def test_a_map_of_odd_channels_is_walked_in_whole_bytes() -> None:
    """5·5·5 numbers an image are 125 bits: eight images are the fewest that end with a byte."""
    assert walks.images_at_once(1, 17, 125) == [slice(0, 8), slice(8, 16), slice(16, 17)]
    assert walks.images_at_once(1, 3, 128) == [slice(0, 1), slice(1, 2), slice(2, 3)]
    assert walks.images_at_once(10_000, 17, 125) == [slice(0, 17)]
    assert walks.images_at_once(2_000, 17, 125) == [slice(0, 16), slice(16, 17)]
