"""Node data as Model Explorer reads it: the number of an operator is the id of its node."""

import json

from explained import dense_of_bits, explained
from tiny_flatbuffers import loop_flatbuffer

from converters.explain.overlay import overlays


def test_a_file_of_one_subgraph_is_for_any_graph() -> None:
    found = explained(dense_of_bits())
    written = {name: json.loads(content) for name, content in overlays(found, {}, {0: ""}).items()}
    assert set(written) == {"precision", "bytes", "macs"}
    convolution, dense = (row for row in found.ops if row.precision)
    assert written["precision"]["results"][str(convolution.index)]["value"] == "packed"
    assert written["precision"]["results"][str(dense.index)]["value"] == "float32, not packed"
    assert written["bytes"]["results"][str(dense.index)] == {"value": 32 * 10 * 4}
    assert written["macs"]["results"] == {
        str(convolution.index): {"value": convolution.macs},
        str(dense.index): {"value": 320},
    }
    assert [stop["stop"] for stop in written["macs"]["gradient"]] == [0, 1]


def test_times_are_shown_where_they_are_known() -> None:
    found = explained(dense_of_bits())
    (time,) = (content for name, content in overlays(found, {(0, 1): 2.5}, {0: ""}).items() if name == "time")
    assert json.loads(time)["results"] == {"1": {"value": 2.5}}


def test_several_subgraphs_have_their_names_as_model_explorer_gives_them() -> None:
    found = explained(loop_flatbuffer())
    content = json.loads(overlays(found, {}, {0: "", 1: "condition", 2: ""})["bytes"])
    assert set(content) == {"main", "condition", "subgraph_2"}
