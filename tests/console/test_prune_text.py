"""What a person reads of a pruned run."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from edgehybrid.console.prune_text import prune_text
from edgehybrid.pruning.prune import Pruned, PrunedLayer


def test_a_line_a_layer_and_what_it_was_worth() -> None:
    run: Any = SimpleNamespace(path=Path("runs/new"))
    layers = (
        PrunedLayer("conv1", "conv2", 64, 40, 32, True, 98.7, 0),
        PrunedLayer("fc1", "fc2", 4096, 900, 2048, False, 61, 0),
    )
    found = Pruned("old", run, 64, layers, 2_000, 1_000, (60.0, 55.0, 30.5), (12.0, 7.0), ())
    lines = prune_text(found).splitlines()
    assert lines[1].split() == ["conv1", "conv2", "(few", "values)", "64", "40", "32", "98.7"]
    assert lines[2].split() == ["fc1", "fc2", "4,096", "900", "2,048", "61.0"]
    assert "1,000 of 2,000 full-precision weights are left, 50.0 %" in lines[3]
    assert [words for words in lines[4].split() if words[0].isdigit()] == ["55.00", "30.50", "60.00"]
