"""Measures flatbuffers where it runs: ``python runner.py``, a request on stdin, events on stdout.

The same file works on this machine and on a board, beside ``probe.py`` and ``processor_time.py``; it needs NumPy and
ai-edge-litert alone. The request is one line of JSON, see ``Request`` in ``session.py``; each event is a line of JSON
behind ``MARK``, so that what a login script or a library prints is no event. When stdin ends, whoever asked is gone,
and so is this process.

Timing: all models are loaded, then run in turns, A B A B …, a block of runs each, so that a clock that falls or a
neighbour that wakes hits all of them. The clock is monotonic. The machine's state is read between blocks.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

try:
    from edgehybrid.device import probe
    from edgehybrid.device.processor_time import processor_time, share_meanwhile
except ImportError:
    # On a board the files lie side by side.
    import probe  # type: ignore[import-not-found,no-redef]
    from processor_time import processor_time, share_meanwhile  # type: ignore[import-not-found,no-redef]

MARK = "edgehybrid "
# Wall time and monotonic time may drift apart by this much before the clock was set.
CLOCK_JUMP_SECONDS = 2.0


def main() -> None:
    """One request."""
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_leave_with_stdin, daemon=True).start()
    try:
        with _lock(request):
            _serve(request)
    except (OSError, RuntimeError, ValueError, ImportError) as error:
        _say("error", what=f"{type(error).__name__}: {error}"[:2000])
        sys.exit(1)


def _serve(request: dict[str, Any]) -> None:
    images = np.load(request["images"], allow_pickle=False)
    models = [_Model(one, request, images) for one in request["models"]]
    if request["agree"]:
        for model in models:
            logits = np.concatenate([model.run(image[None]) for image in model.images]).astype("<f4")
            _say("logits", model=model.name, shape=logits.shape, data=base64.b64encode(logits.tobytes()).decode())
    _cool_down(request["cool_below_c"], request["cool_seconds"])
    _say("state", **probe.state())
    before = processor_time()
    _warm_up(models, request["warmup_runs"], request["warmup_seconds"])
    began, warm = (time.monotonic(), time.time()), processor_time()
    runs, blocks = request["runs"], request["blocks"]
    samples: dict[str, list[float]] = {model.name: [] for model in models}
    ran_at: dict[str, list[tuple[float, float]]] = {model.name: [] for model in models}
    for block in range(blocks):
        count = runs * (block + 1) // blocks - runs * block // blocks
        for model in models if block % 2 == 0 else models[::-1]:
            block_began = time.monotonic()
            samples[model.name] += model.timed(count)
            if count:
                ran_at[model.name].append((block_began, time.monotonic()))
        _say("state", **probe.state())
    others = share_meanwhile(before, warm, processor_time(), os.cpu_count() or 1)
    if others is not None:
        _say("others", percent=round(100 * others, 1))
    jump = (time.time() - began[1]) - (time.monotonic() - began[0])
    if abs(jump) > CLOCK_JUMP_SECONDS:
        _say("clock", jumped_seconds=round(jump, 1))
    for model in models:
        _say("samples", model=model.name, samples_ms=samples[model.name])
        # By the clock of the day as it was when all began, for a power meter's log.
        unix = [[began[1] + (moment - began[0]) for moment in block] for block in ran_at[model.name]]
        _say("blocks", model=model.name, unix_seconds=unix)
        model.say_parts()
    _say("done", peak_memory_bytes=probe.peak_memory_bytes(), boot_id=probe.read("/proc/sys/kernel/random/boot_id"))


def _warm_up(models: list[_Model], runs: int, seconds: float) -> None:
    """So many runs of each model at least, and for so long."""
    until, done = time.monotonic() + seconds, 0
    while done < runs or time.monotonic() < until:
        for model in models:
            model.run(model.images[:1])
        done += 1


class _Model:
    """A flatbuffer in LiteRT."""

    def __init__(self, asked: dict[str, Any], request: dict[str, Any], images: Any) -> None:
        from ai_edge_litert.interpreter import Interpreter, load_delegate

        self.name = asked["name"]
        began = time.perf_counter_ns()
        # It is written when the interpreter goes.
        self._profile = Path(_new_file()) if asked["packed"] and request["profile"] else None
        with tempfile.NamedTemporaryFile(prefix="edgehybrid-", suffix=".jsonl") as report:
            options = {"report_file": report.name}
            if self._profile is not None:
                options["profile_file"] = str(self._profile)
            delegates = [load_delegate(request["library"], options)] if asked["packed"] else None
            self._interpreter = Interpreter(
                model_path=asked["path"], num_threads=request["threads"], experimental_delegates=delegates
            )
            self._interpreter.allocate_tensors()
            regions = [json.loads(line) for line in Path(report.name).read_text().splitlines()]
        init_ms = (time.perf_counter_ns() - began) / 1e6
        (self._input,) = self._interpreter.get_input_details()
        self._output = self._interpreter.get_output_details()[0]["index"]
        # Once, before anything is timed: a camera gives integers.
        self.images = self._stored(images)
        first_ms = self.timed(1)[0]
        _say(
            "loaded",
            model=self.name,
            init_ms=init_ms,
            first_warmup_ms=first_ms,
            regions=regions,
            host_version=version("ai-edge-litert"),
        )

    def _stored(self, images: Any) -> Any:
        """As the flatbuffer reads them: floats, or the nearest 8-bit integers."""
        if self._input["dtype"] is not np.int8:
            return images
        scale, zero_point = self._input["quantization"]
        return np.clip(np.rint(images / np.float32(scale)) + zero_point, -128, 127).astype(np.int8)

    def run(self, image: Any) -> Any:
        self._interpreter.set_tensor(self._input["index"], image)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output)

    def say_parts(self) -> None:
        """Ends the interpreter, and says what the parts of its graph took."""
        if self._profile is not None:
            del self._interpreter
            lines = self._profile.read_text().splitlines()
            self._profile.unlink()
            _say("parts", model=self.name, regions=[json.loads(line)["parts"] for line in lines])

    def timed(self, count: int) -> list[float]:
        """Of the first image, in ms."""
        samples, image = [], self.images[:1]
        for _ in range(count):
            began = time.perf_counter_ns()
            self.run(image)
            samples.append((time.perf_counter_ns() - began) / 1e6)
        return samples


def _new_file() -> str:
    handle, name = tempfile.mkstemp(prefix="edgehybrid-", suffix=".jsonl")
    os.close(handle)
    return name


def _cool_down(below_c: float, seconds: float) -> None:
    """Waits until the machine is cool and nothing holds its clock back, but no longer than so."""
    deadline = time.monotonic() + seconds
    began = time.monotonic()
    while time.monotonic() < deadline:
        heat = probe.temperature()
        if (heat is None or heat < below_c) and not probe.throttled():
            break
        time.sleep(1.0)
    _say("cooled", seconds=round(time.monotonic() - began, 1))


@contextmanager
def _lock(request: dict[str, Any]) -> Iterator[None]:
    """One measurement at a time on a machine. The lock goes with the process, however that ends."""
    path = Path(request["lock"])
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            _say("locked", owner=stream.read(1000).strip() or "somebody")
            sys.exit(1)
        stream.truncate(0)
        stream.write(request["owner"])
        stream.flush()
        yield


def _leave_with_stdin() -> None:
    while sys.stdin.read(4096):
        pass
    os._exit(3)


def _say(event: str, **values: Any) -> None:
    print(MARK + json.dumps({"event": event, **values}), flush=True)


if __name__ == "__main__":
    main()
