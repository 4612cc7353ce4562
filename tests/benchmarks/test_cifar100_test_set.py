"""benchmarks/cifar100_test_set.py: which flatbuffers it runs, and what it prints."""

import json
import subprocess
import sys
from pathlib import Path

import cifar100_test_set
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from processes import clean_environment
from tiny_flatbuffers import TinyOp, TinyTensor, float_flatbuffer, tflite_bytes


def classifier() -> bytes:
    """One dense layer from an image of CIFAR-100's form to its classes, the same logits for all of them."""
    dense = np.zeros((100, 3072), np.float32)
    return tflite_bytes(
        [
            TinyTensor("image", (1, 32, 32, 3)),
            TinyTensor("flat_shape", (2,), "int32", np.array([1, 3072], np.int32)),
            TinyTensor("flat", (1, 3072)),
            TinyTensor("dense", dense.shape, data=dense),
            TinyTensor("logits", (1, 100)),
        ],
        [
            TinyOp("RESHAPE", [0, 1], [2], schema.ReshapeOptionsT(newShape=[1, 3072])),
            TinyOp("FULLY_CONNECTED", [2, 3, -1], [4], schema.FullyConnectedOptionsT()),
        ],
        [0],
        [4],
    )


def test_measures_the_test_set_where_the_images_fit_and_the_loading_always(tmp_path: Path) -> None:
    for name, content in (("fits", classifier()), ("other", float_flatbuffer())):
        (tmp_path / f"{name}.tflite").write_bytes(content)
    done = subprocess.run(
        [sys.executable, cifar100_test_set.__file__, "fits.tflite", "other.tflite", "--rounds", "1", "--json"],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    result = json.loads(done.stdout)
    fits, other = result["results"]
    assert result["images"] == "random images"
    # Of equal logits the first class wins: a hundredth of the random labels.
    assert 0.5 < fits["top1_percent"] < 1.5
    assert (fits["images"], fits["threads"]) == (10_000, 2)
    assert min(fits["wall_s"], fits["cpu_s"], fits["peak_mb"], fits["load_ms"], other["load_ms"]) > 0
    assert other["wall_s"] is None
