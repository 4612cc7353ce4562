"""What ``edgehybrid reproduce`` prints."""

from pathlib import Path

from training_records import record_for, training_of

from edgehybrid.console.reproduction_text import reproduction_text
from edgehybrid.reproduction.card import rows_of
from edgehybrid.reproduction.reproduce import Reproduced


def test_ours_stands_beside_the_published_figure() -> None:
    rows = rows_of([record_for(training_of("hybrid_res_a", 5, 30, seed), 50.0 + seed) for seed in range(2)])
    text = reproduction_text(Reproduced(Path("RESULTS.md"), rows, []))
    assert text.splitlines()[1].split() == [
        *("hybrid_res_a", "30", "of", "199", "2", "53.09", "50.50", "0.71", "-2.59", "50.50")
    ]
    assert text.endswith("RESULTS.md")
