"""Requests to a runner."""

from pathlib import Path

import numpy as np

from edgehybrid.device.session import PlacedFlatbuffer, Request
from edgehybrid.flatbuffer import parse_flatbuffer
from edgehybrid.runtime import library


def request_of(folder: Path, *models: Path, runs: int = 7, agree: bool = False) -> Request:
    """For these flatbuffers with three random images, all below a folder."""
    flatbuffer = parse_flatbuffer(models[0].read_bytes(), "model")
    shape = flatbuffer.tensors[flatbuffer.inputs[0]].shape[1:]
    np.save(folder / "images.npy", np.random.default_rng(0).standard_normal((3, *shape)).astype(np.float32))
    return Request(
        tuple(PlacedFlatbuffer(path.name, str(path), "packed" in path.name) for path in models),
        str(folder / "images.npy"),
        str(library()),
        threads=1,
        agree=agree,
        runs=runs,
        lock=str(folder / "cache" / "lock"),
        owner="me",
        warmup_runs=1,
        warmup_seconds=0.0,
    )
