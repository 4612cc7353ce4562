"""The first signal asks, the second ends."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from edgehybrid.training.interruption import Interruption

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_asks_to_stop(number: signal.Signals) -> None:
    with Interruption() as interruption:
        assert not interruption.requested
        signal.raise_signal(number)
        assert interruption.requested


@pytest.mark.parametrize("number", SIGNALS)
def test_handlers_are_as_before_at_the_end(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Interruption():
        assert signal.getsignal(number) != before
    assert signal.getsignal(number) == before


@pytest.mark.parametrize("number", SIGNALS)
def test_handlers_are_as_before_after_an_error(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyError), Interruption():
        raise KeyError
    assert signal.getsignal(number) == before


TWICE = """
import signal, sys
from edgehybrid.training.interruption import Interruption
with Interruption() as interruption:
    signal.raise_signal(int(sys.argv[1]))
    print(interruption.requested, flush=True)
    signal.raise_signal(int(sys.argv[2]))
    print("still here", flush=True)
"""


@pytest.mark.parametrize("second", SIGNALS)
@pytest.mark.parametrize("first", SIGNALS)
def test_a_second_signal_ends_the_process(first: signal.Signals, second: signal.Signals) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TWICE, str(first.value), str(second.value)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("True\n", "")
    assert done.returncode == -second


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    before, seen = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with Interruption() as interruption:
            seen.append((signal.getsignal(signal.SIGINT), interruption.requested))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(before, False)]


def test_a_signal_during_a_step_lets_it_finish() -> None:
    steps = []
    with Interruption() as interruption:
        for step in range(5):
            if step == 2:
                os.kill(os.getpid(), signal.SIGTERM)
            steps.append(step)
            if interruption.requested:
                break
    assert steps == [0, 1, 2]
