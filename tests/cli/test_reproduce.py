"""``edgehybrid reproduce``: interrupted, gone on with, done; and what users get wrong."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest
from processes import COMMAND, call, finish, modules_after_command, refuse, start, wait_until

# A small network, and few enough images that an epoch takes a second.
SMALL = [
    "--table",
    "5",
    "--only",
    "hybrid_res_a",
    "--epochs",
    "4",
    "--evaluate-every",
    "3",
    "--set",
    "network.width=0.25",
]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Noise of CIFAR-100's form."""
    folder = tmp_path / "images"
    folder.mkdir()
    random = np.random.default_rng(0)
    for half, count in (("train", 400), ("test", 100)):
        np.save(folder / f"{half}-images.npy", random.integers(0, 256, (count, 32, 32, 3), np.uint8))
        np.save(folder / f"{half}-labels.npy", (np.arange(count) % 100).astype(np.uint8))
    return folder


def test_an_interrupted_table_goes_on_and_is_done_once(images: Path, tmp_path: Path) -> None:
    here = {"EDGEHYBRID_DATA": str(images)}
    worker = start([str(COMMAND), "reproduce", *SMALL], tmp_path, **here)
    wait_until(lambda: any(tmp_path.glob("runs/*/metrics.jsonl")), worker)
    worker.send_signal(signal.SIGINT)
    _, said = finish(worker)
    assert worker.returncode == 1
    assert said.count("Error: ") == 1
    assert not list(tmp_path.glob("runs/reproduction/results/*"))

    done = call(["reproduce", *SMALL, "--json"], tmp_path, **here)
    assert done.returncode == 0, done.stderr
    (run,) = tmp_path.glob("runs/hybrid_res_a-*")
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    assert ["top1_percent" in line for line in lines] == [False, False, True, True]
    found = json.loads(done.stdout)
    (row,) = found["rows"]
    assert found["switches"] == []
    assert (row["recipe"], row["epochs"], row["full_epochs"]) == ("hybrid_res_a", 4, 199)
    assert row["changes"] == ["network.width=0.25"]
    assert row["top1_percent"] == pytest.approx(lines[-1]["top1_percent"])
    # One image of the 100 may lie on a threshold.
    assert row["flatbuffer_top1_percent"] == pytest.approx(row["top1_percent"], abs=1)
    assert row["gap_points"] == pytest.approx(row["top1_percent"] - 53.09)

    (record,) = tmp_path.glob("runs/reproduction/results/hybrid_res_a-seed2-4epochs-*.json")
    said = record.read_text()
    assert str(tmp_path) not in said
    assert len(json.loads(said)["metrics"]) == 4
    card = (tmp_path / "runs" / "reproduction" / "RESULTS.md").read_text()
    assert "| hybrid_res_a | network.width=0.25 | 4 of 199 | 1 | 53.09 |" in card
    # Done: nothing is trained, and nothing that trains is loaded.
    assert "tensorflow" not in modules_after_command(["reproduce", *SMALL], tmp_path)


def test_imagenet_is_asked_for_with_the_way_to_get_it(tmp_path: Path) -> None:
    refuse(["reproduce", "--table", "7"], tmp_path, 1, "ImageNet", "https://image-net.org/download-images")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--table", "8"], "8 is not in the range 3<=x<=7"),
        ([], "Missing option '--table'"),
        (["--table", "5", "--epochs", "0"], "--epochs"),
        (["--table", "5", "--seeds", "0"], "--seeds"),
        (["--table", "5", "--only", "hybrid_res_d"], "Did you mean 'hybrid_res_"),
        (["--table", "5", "--set", "training.epochs=3"], "Use --epochs and --seeds"),
        (["--table", "5", "--set", "training.epoch=3"], "Did you mean"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_refuses_what_cannot_be_meant(arguments: list[str], part: str, tmp_path: Path) -> None:
    refuse(["reproduce", *arguments], tmp_path, 2, part)


def test_refuses_a_folder_without_images(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refuse(["reproduce", "--table", "5"], tmp_path, 1, "empty", EDGEHYBRID_DATA=str(tmp_path / "empty"))


def test_refuses_a_damaged_record(tmp_path: Path) -> None:
    folder = tmp_path / "out" / "results"
    folder.mkdir(parents=True)
    (folder / "hybrid_res_a.json").write_text('{"recipe": "hybrid_res_a"')
    refuse(["reproduce", "--table", "5", "--out", "out"], tmp_path, 1, "A record is damaged", "hybrid_res_a.json")
