"""tensorflow-datasets, loaded with its remarks held back."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ASK = "tfds.builder('cifar100').is_prepared()"
LOUD = f"import tensorflow_datasets as tfds; {ASK}"
QUIET = f"from edgehybrid.data.tfds import tensorflow_datasets; tfds = tensorflow_datasets(); {ASK}"


def said(code: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TFDS_DATA_DIR": str(folder), "TF_USE_LEGACY_KERAS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr


def test_a_folder_that_is_not_of_tensorflow_datasets_is_passed_over_without_a_remark(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow_datasets")
    (tmp_path / "cifar100" / "fine").mkdir(parents=True)
    (tmp_path / "cifar100" / "train_images.npy").touch()
    # The remark is there to be held back.
    assert "WARNING:absl" in said(LOUD, tmp_path)
    assert "WARNING:absl" not in said(QUIET, tmp_path)
