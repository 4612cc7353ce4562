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
# A palette has so many steps, and grey: a pixel of one byte instead of three, and fewer different ones.
_STEPS = 64
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
    names = "".join(text(_NAMES - 6, _TOP + _ROW * (row + 0.8), _cut(layer)) for row, layer in enumerate(layers))
    parts.append(f'<g text-anchor="end">{names}</g>')
    parts.append(_image(values / most, palette, _NAMES, _TOP, _WIDTH - 12 - _NAMES, bottom - _TOP))
    parts.append(text(_NAMES, bottom + 13, f"epoch {first}", classes="quiet"))
    parts.append(text(_WIDTH - 12, bottom + 13, str(last), "end", "quiet"))
    parts.append(_image(np.linspace(0, 1, _STEPS + 1)[None], palette, _NAMES + 20, bottom + 22, 120, 9))
    parts.append(text(_NAMES + 14, bottom + 31, "0", "end", "quiet"))
    parts.append(text(_NAMES + 146, bottom + 31, f"{most:.3g}", classes="quiet"))
    worst = ", ".join(f"{layer} {value:.1f}" for layer, value in zip(layers, values[:, -1], strict=True))
    return Panel(f"{run}: {words}. Epoch {last}: {worst}.", element(_WIDTH, bottom + _BELOW, parts))


def _cut(name: str) -> str:
    return name if len(name) <= 22 else f"{name[:21]}…"


def _image(
    shares: NDArray[np.float64],
    palette: Sequence[tuple[int, int, int]],
    x: float,
    y: float,
    width: float,
    height: float,
) -> str:
    """A pixel a share 0 … 1 (rows, columns), in the palette's colours; what is not finite is grey."""
    known = np.isfinite(shares)
    pixels = np.where(known, np.rint(np.where(known, shares, 0) * _STEPS), _STEPS + 1).astype(np.uint8)
    data = base64.b64encode(_png(pixels, _colours(palette))).decode()
    return (
        f'<image x="{px(x)}" y="{px(y)}" width="{px(width)}" height="{px(height)}" preserveAspectRatio="none" '
        f'style="image-rendering:pixelated" href="data:image/png;base64,{data}"/>'
    )


def _colours(palette: Sequence[tuple[int, int, int]]) -> NDArray[np.uint8]:
    """The steps from the first colour of a palette to the last, and grey: (steps + 2, 3)."""
    at, places = np.linspace(0, 1, _STEPS + 1), np.linspace(0, 1, len(palette))
    channels = [np.interp(at, places, [colour[channel] for colour in palette]) for channel in range(3)]
    return np.vstack([np.stack(channels, axis=-1).round(), np.full(3, 128)]).astype(np.uint8)


def _png(pixels: NDArray[np.uint8], colours: NDArray[np.uint8]) -> bytes:
    """PNG of numbers of colours (rows, columns), each row unfiltered (PNG specification, sections 5, 9 and 11.2.3)."""
    rows, columns = pixels.shape
    header = struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels), 9)
    chunks = ((b"IHDR", header), (b"PLTE", colours.tobytes()), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
