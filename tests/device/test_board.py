"""What a machine tells about itself, and about the memory of a process."""

import json
import subprocess
import sys

import numpy as np

from edgehybrid.device.board import board_state


def test_the_state_of_this_machine_can_be_kept_in_a_row() -> None:
    state = board_state()
    assert json.loads(json.dumps(state)) == state
    assert state["cores"] >= 1
    assert state["load_1min"] >= 0


def test_peak_memory_counts_a_process_and_not_the_one_that_started_it() -> None:
    held = np.ones(2**30, np.uint8)
    code = "from edgehybrid.device.board import peak_memory_bytes as peak; "
    code += "print(peak()); x = b'x' * 2**28; print(peak())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert before < held.nbytes / 2
    # Some of the 256 MiB may be pages that it had already.
    assert 0.9 * 2**28 < after - before < 1.1 * 2**28
