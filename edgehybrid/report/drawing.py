"""A matplotlib figure as an SVG element for the page."""

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from edgehybrid.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FONT_POINTS = 11


def svg_of(salt: str, draw: "Callable[[Figure], None]") -> str:
    """What ``draw`` puts on an empty figure. Equal drawings give equal bytes: ids are hashed with ``salt``, no date.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "report") from error
    with matplotlib.rc_context():
        # A user's own matplotlib settings must not change the report.
        matplotlib.rcdefaults()
        # Text stays text, which searches find, and is never taken for mathematics.
        matplotlib.rcParams.update({"svg.fonttype": "none", "text.parse_math": False})
        matplotlib.rcParams.update({"svg.hashsalt": salt, "font.size": FONT_POINTS})
        figure = Figure(layout="constrained")
        draw(figure)
        buffer = io.StringIO()
        no_metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(buffer, format="svg", metadata=no_metadata, bbox_inches="tight")
    svg = buffer.getvalue()
    # HTML has no XML prologue. Nothing refers to the ids of groups, and they would clash between panels.
    return re.sub(r'<g id="[^"]*"', "<g", svg[svg.index("<svg") :])
