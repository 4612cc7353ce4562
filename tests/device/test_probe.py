"""What a machine tells about itself, and about the memory of a process."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgehybrid.device import probe


def test_everything_can_be_kept_as_json() -> None:
    told = {**probe.facts(), **probe.state()}
    assert json.loads(json.dumps(told)) == told
    assert told["cores"] >= 1
    assert told["memory_bytes"] > 2**20
    assert told["free_disk_bytes"] > 0


def test_it_runs_as_a_script_from_stdin_without_this_package(tmp_path: Path) -> None:
    script = Path(probe.__file__).read_bytes()
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-"], input=script, capture_output=True, check=True, cwd=tmp_path
    )
    told = json.loads(done.stdout)
    assert set(told) == {"facts", "state"}
    assert set(told["facts"]) == set(probe.facts())


@pytest.mark.parametrize("name", ["probe", "processor_time"])
def test_old_pythons_can_read_it(name: str) -> None:
    """3.7 has no match statement, no ``except*`` and no ``(a as b)``."""
    source = Path(probe.__file__).with_name(f"{name}.py").read_text()
    ast.parse(source, feature_version=(3, 7))
    assert "from __future__ import annotations" in source


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0", []),
        ("50000", []),  # both sticky bits, of an earlier time
        ("50005", ["under-voltage", "throttled"]),
        ("0x2", ["clock capped"]),
        ("8", ["soft temperature limit"]),
        ("nonsense", None),
        (None, None),
    ],
)
def test_only_what_holds_the_clock_back_now_counts(
    text: str | None, words: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "read", lambda _: text)
    assert probe.throttled() == words


@pytest.mark.parametrize(
    ("cpuinfo", "name"),
    [
        ("model name\t: Intel(R) Xeon(R) Processor\n", "Intel(R) Xeon(R) Processor"),
        ("CPU implementer\t: 0x41\nCPU part\t: 0xd08\n", "Cortex-A72"),
        ("CPU implementer\t: 0x41\nCPU part\t: 0xfff\n", "ARM part 0xfff"),
    ],
)
def test_processors_have_names(cpuinfo: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "read", lambda path: cpuinfo if path == "/proc/cpuinfo" else None)
    assert probe.cpu_name() == name


def test_peak_memory_counts_a_process_and_not_the_one_that_started_it() -> None:
    held = np.ones(2**30, np.uint8)
    code = "from edgehybrid.device.probe import peak_memory_bytes as peak; "
    code += "print(peak()); x = b'x' * 2**28; print(peak())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert before < held.nbytes / 2
    # Some of the 256 MiB may be pages that it had already.
    assert 0.9 * 2**28 < after - before < 1.1 * 2**28
