"""What ran a flatbuffer, in words."""

import pytest
from report_samples import make_row

from edgehybrid.console.ran_text import ran_text


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"isa": "neon", "threads": 2, "delegated_nodes": 3, "graph_nodes": 4}, "x, neon, 2 threads, 3 of 4 nodes"),
        ({"isa": "neon", "threads": 1, "delegated_nodes": None, "graph_nodes": 104}, "x, neon, 1 thread"),
        ({"isa": None, "threads": 1, "delegated_nodes": None, "graph_nodes": None}, "x, 1 thread"),
    ],
)
def test_names_what_is_known(facts: dict[str, object], text: str) -> None:
    assert ran_text(make_row(runtime="x", **facts)) == text
