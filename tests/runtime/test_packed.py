"""Packed flatbuffers in the native runtime."""

from pathlib import Path
from typing import Any

import pytest
from level_networks import random_network
from native_runs import library
from tiny_flatbuffers import float_flatbuffer, packed_flatbuffer

from converters.graph_file import flatbuffer_of, graph_of
from edgehybrid import __version__
from edgehybrid.errors import FlatbufferError, RuntimeMissingError, UsageError
from edgehybrid.flatbuffer import parse_flatbuffer
from edgehybrid.runs.run_folder import RunFolder
from edgehybrid.runtime import Interpreter, native_library, packed


def test_can_run_models_with_larqs_operators_only() -> None:
    assert packed.can_run(parse_flatbuffer(packed_flatbuffer(), "model"))
    assert not packed.can_run(parse_flatbuffer(float_flatbuffer(), "model"))


def test_can_run_models_with_operators_of_levels_that_it_knows() -> None:
    graph = graph_of(random_network(0).flatbuffer())
    assert packed.can_run(parse_flatbuffer(flatbuffer_of(graph), "model"))
    graph.nodes[-1].op = "EdgehybridSoftmax"
    assert not packed.can_run(parse_flatbuffer(flatbuffer_of(graph), "model"))
    with pytest.raises(FlatbufferError, match="no runtime knows all operators"):
        Interpreter(flatbuffer_of(graph))


def test_says_what_ran(converted_run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEHYBRID_ISA", "portable")
    loaded = Interpreter(converted_run.path / "model.packed.x86_64.tflite", threads=2)
    assert loaded.runtime.startswith(f"edgehybrid {__version__} (native, in ai-edge-litert 2.")
    assert (loaded.isa, loaded.threads) == ("portable", 2)
    assert loaded.delegated_nodes == loaded.graph_nodes
    (region,) = loaded.regions or ()
    assert (region.graph_nodes, region.batch) == (loaded.graph_nodes, 1)


def test_the_best_instruction_set_runs_unless_told(converted_run: RunFolder) -> None:
    isa = Interpreter(converted_run.path / "model.packed.x86_64.tflite").isa
    assert isa in ("portable", "neon", "avx2", "avx512")


def test_leaves_no_report_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    Interpreter(packed_flatbuffer())
    assert list(tmp_path.iterdir()) == []


def test_refuses_an_unknown_instruction_set(monkeypatch: pytest.MonkeyPatch) -> None:
    library()
    monkeypatch.setenv("EDGEHYBRID_ISA", "avx1024")
    with pytest.raises(UsageError, match="EDGEHYBRID_ISA"):
        Interpreter(packed_flatbuffer())


def test_refuses_a_node_that_the_delegate_cannot_run() -> None:
    library()
    # A filter of three words where a pixel has two.
    with pytest.raises(FlatbufferError, match=r"the runtime refuses the flatbuffer: .*LceBconv2d"):
        Interpreter(packed_flatbuffer(words=3))


def test_a_missing_library_is_said_before_anything_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_library, "FOLDER", tmp_path)
    with pytest.raises(RuntimeMissingError, match="has no library for"):
        Interpreter(packed_flatbuffer())


@pytest.mark.parametrize("what", ["tensors", "operators"])
def test_an_unknown_host_is_named_with_those_that_are_known(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    library()

    def unknown(*_: Any) -> None:
        raise RuntimeError(f"edgehybrid: this host's {what} {packed._UNKNOWN_HOST}; use …")

    monkeypatch.setattr(packed, "open_host", unknown)
    with pytest.raises(RuntimeMissingError, match="does not know this version of LiteRT") as caught:
        Interpreter(packed_flatbuffer())
    assert str(caught.value.received).startswith("ai-edge-litert 2.")


def test_the_words_for_an_unknown_host_are_the_librarys_own() -> None:
    source = Path(packed.__file__).parent / "native" / "delegate" / "host.cc"
    if not source.is_file():
        pytest.skip("needs the sources of the native runtime")
    assert packed._UNKNOWN_HOST in source.read_text()
