"""Sessions of a benchmark with samples of the test's own, in place of measured ones."""

from typing import Any

import numpy as np
import pytest

from edgehybrid.device import sessions
from edgehybrid.device.session import Measured, Request, Session
from edgehybrid.runtime import Interpreter


def sessions_of(monkeypatch: pytest.MonkeyPatch, *samples: tuple[float, ...], **ran: Any) -> None:
    """Sessions with these samples in place of measured ones; further ones, of memory, with none."""
    left = list(samples)

    def measured(_: object, __: object, request: Request) -> Session:
        taken = left.pop(0) if left else (1.0,)
        paths = {model.name: model.path for model in request.models}
        logits = {name: Interpreter(path).predict(np.load(request.images)) for name, path in paths.items()}
        return Session(
            {name: Measured(taken, 2.0, 3.0, host_version="9", logits=logits[name], **ran) for name in paths},
            peak_memory_bytes=10,
            boot_id="x",
        )

    monkeypatch.setattr(sessions, "measure", measured)
