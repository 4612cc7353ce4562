"""What ``calibrate``, ``predict`` and ``proxy`` print for a person."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgehybrid.console.tables import text_table

if TYPE_CHECKING:
    from edgehybrid.device.adapted_rows import AdaptedRows
    from edgehybrid.device.calibration import Calibration
    from edgehybrid.device.prediction import Prediction
    from edgehybrid.device.proxy import Comparison

_COEFFICIENTS = {
    "ps a binary MAC": ("ns_per_binary_mac", 1000),
    "ps a float MAC": ("ns_per_float_mac", 1000),
    "ps an int8 MAC": ("ns_per_int8_mac", 1000),
    "ps a byte": ("ns_per_byte", 1000),
    "ns an operator": ("ns_per_operator", 1),
}


def calibration_text(found: "Calibration") -> str:
    """The coefficients of each kind, and the errors."""
    lines = [
        (
            fit.kind,
            *(
                None if (ns := getattr(fit, key)) is None else f"{factor * ns:.3g}"
                for key, factor in _COEFFICIENTS.values()
            ),
        )
        for fit in found.kinds
    ]
    errors = [
        (
            fit.kind,
            fit.networks,
            fit.parts,
            f"{fit.error_median_percent:.0f} %",
            f"{fit.error_max_percent:.0f} %",
            f"{fit.left_out_error_median_percent:.0f} %",
            f"{fit.left_out_error_max_percent:.0f} %",
            None if fit.r_squared is None else f"{fit.r_squared:.3f}",
        )
        for fit in found.kinds
    ]
    header = ("kind", "networks", "parts", "error, median", "largest", "left out, median", "largest", "R²")
    return f"{text_table(('kind', *_COEFFICIENTS), lines)}\n\n{text_table(header, errors)}"


def prediction_text(rows: "Sequence[Prediction]", calibration: "Calibration") -> str:
    """One line a network."""
    cells = [
        (
            row.name,
            row.kind,
            f"{row.latency_ms_predicted:.3g}",
            f"{row.latency_ms_low:.3g} … {row.latency_ms_high:.3g}",
            f"{row.coverage_percent:.0f} %",
        )
        for row in rows
    ]
    threads = f"{calibration.threads} thread{'' if calibration.threads == 1 else 's'}"
    table = text_table(("network", "kind", "ms, predicted", "interval", "of intervals hold"), cells, texts=(0, 1))
    return f"{table}\nmodelled for {calibration.device}, {threads}; not measured"


def comparison_text(found: "Sequence[Comparison]") -> str:
    """One line for each two devices and kind."""
    cells = [
        (
            each.first,
            each.second,
            each.kind,
            each.networks,
            None if each.rank_correlation is None else f"{each.rank_correlation:.3f}",
            None
            if each.rank_correlation_low is None
            else f"{each.rank_correlation_low:.2f} … {each.rank_correlation_high:.2f}",
            "yes" if each.transferable else "no",
            None if each.pareto is None else f"{each.pareto.pareto_shared} of {each.pareto.pareto_networks}",
            None if each.pareto is None else f"{each.pareto.pareto_worst_ratio:.2f}",
        )
        for each in found
    ]
    header = ("device", "another", "kind", "networks", "rank correlation", "95 %", "transferable", "shared", "worst")
    return text_table(header, cells, texts=(0, 1, 2))


def adapted_text(found: "AdaptedRows") -> str:
    """What was learned, and a line for each network that only the proxy has measured."""
    before, after = (
        "unknown" if each is None else f"{each:.3f}"
        for each in (found.rank_correlation, found.rank_correlation_left_out)
    )
    lines = [(row.recipe or row.model, row.format, row.threads, f"{ms:.3g}") for row, ms in found.predicted]
    table = text_table(("network", "format", "threads", f"ms on {found.device}, predicted"), lines, texts=(0, 1))
    return f"{found.samples} networks on both; rank correlation {before}, adapted {after} (each left out once)\n{table}"
