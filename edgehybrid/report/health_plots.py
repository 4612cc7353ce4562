"""Draws how the quantised layers of a run fared, epoch by epoch, as maps of pixels."""

import base64
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgehybrid.report.document import Panel
from edgehybrid.runs.epoch_line import EpochLine
from edgehybrid.svg import element, px, text

# Keys of a layer's figures in metrics.jsonl (edgehybrid.training.health), and what the panel is called.
FIGURES = {
    "sign_flip_percent": "weights that changed sign in the epoch, %",
    "dead_percent": "weights where the sign has no gradient, %",
    "plus_one_percent": "inputs that are +1, %",
    "alpha_drift_percent": "change of alpha since the start, %",
}
# From low to high, in steps of light (viridis); and for balance, whose best value is in the middle.
_RISING = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
_BALANCE = ((179, 88, 6), (247, 200, 140), (247, 247, 247), (178, 171, 210), (84, 39, 136))
_WIDTH, _NAMES, _ROW, _TOP, _BELOW = 380.0, 140.0, 13.0, 22.0, 42.0


def health_panels(run: str, epochs: Sequence[EpochLine]) -> tuple[Panel, ...]:
    """A panel for each figure: layers in forward order from top to bottom, epochs from left to right.

    Args:
        epochs: lines of metrics.jsonl. Without such figures there is no panel: a network without quantised layers, or
            an older run.
    """
    epochs = [line for line in epochs if line.health]
    return tuple(_panel(run, key, words, epochs) for key, words in FIGURES.items()) if epochs else ()


def _panel(run: str, key: str, words: str, epochs: Sequence[EpochLine]) -> Panel:
    layers = list(epochs[-1].health)
    values = np.array([[getattr(line.health[layer], key) for line in epochs] for layer in layers])
    first, last = epochs[0].epoch, epochs[-1].epoch
    is_balance = key == "plus_one_percent"
    finite = values[np.isfinite(values)]
    most = 100.0 if is_balance else max(1.0, float(finite.max(initial=0.0)))
    palette = _BALANCE if is_balance else _RISING
    bottom = _TOP + _ROW * len(layers)
    parts = [text(4, 12, words)]
    parts += [text(_NAMES - 6, _TOP + _ROW * (row + 0.8), _cut(layer), "end") for row, layer in enumerate(layers)]
    parts.append(_image(_colours(values / most, palette), _NAMES, _TOP, _WIDTH - 12 - _NAMES, bottom - _TOP))
    parts.append(text(_NAMES, bottom + 13, f"epoch {first}", classes="quiet"))
    parts.append(text(_WIDTH - 12, bottom + 13, str(last), "end", "quiet"))
    scale = _colours(np.linspace(0, 1, 32)[None], palette)
    parts.append(_image(scale, _NAMES + 20, bottom + 22, 120, 9))
    parts.append(text(_NAMES + 14, bottom + 31, "0", "end", "quiet"))
    parts.append(text(_NAMES + 146, bottom + 31, f"{most:.3g}", classes="quiet"))
    worst = ", ".join(f"{layer} {value:.1f}" for layer, value in zip(layers, values[:, -1], strict=True))
    return Panel(f"{run}: {words}. Epoch {last}: {worst}.", element(_WIDTH, bottom + _BELOW, parts))


def _cut(name: str) -> str:
    return name if len(name) <= 22 else f"{name[:21]}…"


def _colours(shares: NDArray[np.float64], palette: Sequence[tuple[int, int, int]]) -> NDArray[np.uint8]:
    """Colours (rows, columns, 3) of shares 0 … 1 (rows, columns); what is not finite is grey."""
    places = np.linspace(0, 1, len(palette))
    channels = [np.interp(shares, places, [colour[channel] for colour in palette]) for channel in range(3)]
    found = np.stack(channels, axis=-1)
    found[~np.isfinite(shares)] = 128
    return found.round().astype(np.uint8)


def _image(pixels: NDArray[np.uint8], x: float, y: float, width: float, height: float) -> str:
    data = base64.b64encode(_png(pixels)).decode()
    return (
        f'<image x="{px(x)}" y="{px(y)}" width="{px(width)}" height="{px(height)}" preserveAspectRatio="none" '
        f'style="image-rendering:pixelated" href="data:image/png;base64,{data}"/>'
    )


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """PNG of 8-bit RGB pixels (rows, columns, 3), each row unfiltered (PNG specification, sections 5 and 9)."""
    rows, columns, _ = pixels.shape
    header = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels), 9)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
