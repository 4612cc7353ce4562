"""From a folder of images to the accuracy of a flatbuffer, through the installed command."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from image_trees import write_tree


def command(folder: Path, *arguments: str) -> dict[str, Any]:
    """The one JSON document that a command prints; it is the one beside the Python that runs this test."""
    done = subprocess.run(
        [Path(sys.executable).with_name("edgehybrid"), *arguments, "--runs", folder / "runs", "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


RECIPE = """\
name: tree
description: Hybrid-Res A on ten classes of image files
data: {dataset: imagenet2012, path: images, classes: 10, validation_images: 10, image_side: 32}
network:
  architecture: resnet20
  width: 0.25
  placement: {full_precision: [first, last, shortcuts]}
training:
  epochs: 1
  batch_size: 32
  optimizer: {kind: adam, learning_rate: 1e-2}
  schedule: {kind: constant}
  weight_decay: 0
  augmentation: {kind: random_resized, least_area: 0.5}
"""


@pytest.mark.slow
def test_trains_converts_and_evaluates_a_folder_of_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_tree(Path("images"), classes=10, train=20, val=6, distinct=True)
    Path("tree.yaml").write_text(RECIPE)
    trained = command(tmp_path, "train", "tree.yaml")
    assert (trained["epochs"], trained["validation_images"]) == (1, 10)
    converted = command(tmp_path, "convert", "--target", "x86_64", "--images", "20")
    assert (converted["images"], converted["verified_on"]) == (20, "test")
    assert converted["packed_layers"] == 18
    evaluated = command(tmp_path, "evaluate")
    assert evaluated["images"] == 60
    in_keras = command(tmp_path, "evaluate", "--keras")
    # Conversion proved that their logits differ by far less than the gap between two classes.
    assert evaluated["top1_percent"] == in_keras["top1_percent"] == trained["top1_percent"]
