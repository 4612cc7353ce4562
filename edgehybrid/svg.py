"""Drawings as SVG by matplotlib: for a file, or as an element of a page."""

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edgehybrid.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FONT_POINTS = 11


def svg_document(
    salt: str, draw: "Callable[[Figure], None]", font_points: float = FONT_POINTS, crop: bool = False
) -> str:
    """What ``draw`` puts on an empty figure. Equal drawings give equal bytes: ids are hashed with ``salt``, no date.

    Args:
        crop: whether the drawing is as large as what is on it, not as the figure.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "report") from error
    settings: Any = {"svg.fonttype": "none", "text.parse_math": False, "svg.hashsalt": salt, "font.size": font_points}
    with matplotlib.rc_context():
        # A user's own matplotlib settings must not change the drawing.
        matplotlib.rcdefaults()
        # Text stays text, which searches find, and is never taken for mathematics.
        matplotlib.rcParams.update(settings)
        figure = Figure(layout="constrained")
        draw(figure)
        buffer = io.StringIO()
        no_metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(buffer, format="svg", metadata=no_metadata, bbox_inches="tight" if crop else None)
    return buffer.getvalue()


def svg_element(salt: str, draw: "Callable[[Figure], None]") -> str:
    """``svg_document`` for the inside of an HTML page.

    HTML has no XML prologue. Nothing refers to the ids of groups, and they would clash between panels.
    """
    svg = svg_document(salt, draw, crop=True)
    return re.sub(r'<g id="[^"]*"', "<g", svg[svg.index("<svg") :])
