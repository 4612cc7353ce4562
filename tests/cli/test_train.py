"""The installed command ``train``: the run folder that it leaves, and what users get wrong."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from disks import files_of_at_most
from processes import call, refuse
from report_samples import HYBRID

from edgehybrid.recipe import load_recipe
from edgehybrid.runs.checkpoint import Record
from edgehybrid.runs.run_folder import create_run, open_run


def test_trains_a_recipe_into_a_new_run_folder(tmp_path: Path) -> None:
    settings = ["network.width=0.25", "data.image_side=8", "training.epochs=2", "training.batch_size=400"]
    words = [word for each in settings for word in ("--set", each)]
    done = call(["train", "digits", *words, "--evaluate-every", "2", "--json"], tmp_path)
    assert done.returncode == 0, done.stderr
    trained = json.loads(done.stdout)
    run = open_run(tmp_path / trained["run"])
    assert (run.path.parent, run.recipe_sha256) == (tmp_path / "runs", trained["recipe_sha256"])
    assert (trained["recipe"], trained["epochs"], run.recipe.training.epochs) == ("digits", 2, 2)
    first, last = (line.top1_percent for line in run.epochs())
    assert (first, trained["top1_percent"]) == (None, last)
    assert (trained["top1_selected_percent"], trained["epoch_selected"]) == (None, None)


def test_refuses_an_unknown_key_with_its_line_and_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(HYBRID.to_yaml().replace("epochs: 199", "epoch: 199"))
    line = 1 + (tmp_path / "mine.yaml").read_text().splitlines().index("  epoch: 199")
    refuse(["train", "mine.yaml"], tmp_path, 2, f"mine.yaml:{line}", "unknown key 'epoch'", "Did you mean 'epochs'?")


def test_refuses_to_train_a_quantised_layer_of_one_input_channel(tmp_path: Path) -> None:
    refuse(
        ["train", "digits", "--set", "network.placement.full_precision=[last]"],
        tmp_path,
        2,
        "'conv1' reads a single channel",
        "1 input channel",
        "--set training.latent_weights.centre=false --set training.latent_weights.gradient_scale=none",
        "or keep 'conv1' in full precision",
    )


def test_refuses_an_unknown_recipe(tmp_path: Path) -> None:
    refuse(["train", "hybrid_res_d"], tmp_path, 2, "There is no such recipe", "Did you mean 'hybrid_res_")


def test_refuses_a_recipe_together_with_a_run_to_resume(tmp_path: Path) -> None:
    refuse(["train", "digits", "--resume", "old"], tmp_path, 2, "either a recipe to train, or a run to resume")


def test_refuses_a_run_folder_of_another_recipe(run: Path, tmp_path: Path) -> None:
    recipe = run / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("width: 0.25", "width: 0.5"))
    refuse(["train", "--resume", run.name], tmp_path, 1, "the checkpoint of another recipe")


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ("training.distillation.teacher=absent", "training.distillation.teacher: absent"),
        ("training.start_from=absent", "training.start_from: absent"),
    ],
    ids=["teacher", "first stage"],
)
def test_refuses_to_build_on_a_run_that_is_not_there(setting: str, key: str, tmp_path: Path) -> None:
    refuse(["train", "digits", "--set", setting], tmp_path, 1, "cannot be used", key, "Train that run first")


def test_refuses_a_teacher_of_another_data_set(tmp_path: Path) -> None:
    teacher = create_run(tmp_path / "runs", load_recipe("xnor_res"))
    (teacher.path / "checkpoint").mkdir()
    record = Record(file="epoch-0001.npz", sha256="0" * 64, recipe_sha256=teacher.recipe_sha256, epoch=1)
    (teacher.path / "checkpoint" / "latest.json").write_text(json.dumps(asdict(record)))
    setting = f"training.distillation.teacher={teacher.name}"
    refuse(
        ["train", "digits", "--set", setting],
        tmp_path,
        1,
        "The teacher was trained on other images",
        "data.dataset: cifar100",
        "data.dataset: digits",
    )


def test_a_full_disk_at_the_start_leaves_no_run_folder(tmp_path: Path) -> None:
    # TensorFlow's start needs a few bytes; a recipe has more.
    with files_of_at_most(500):
        refuse(["train", "digits", "--runs", "."], tmp_path, 1, "The run folder cannot be made", "Make room")


def test_refuses_a_batch_that_is_not_so_many_equal_parts(tmp_path: Path) -> None:
    settings = ["--set", "training.batch_size=64", "--set", "training.gradient_accumulation=3"]
    refuse(["train", "digits", *settings], tmp_path, 2, "must divide training.batch_size", "64", "3 equal parts")


@pytest.mark.parametrize("tf_config", ["{", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}'])
def test_refuses_a_tf_config_that_does_not_say_which_worker_this_is(tf_config: str, tmp_path: Path) -> None:
    refuse(
        ["train", "digits", "--strategy", "workers"],
        tmp_path,
        2,
        "TF_CONFIG does not say which worker this is",
        tf_config,
        TF_CONFIG=tf_config,
    )


WORKER_1 = '{"cluster": {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}, "task": {"type": "worker", "index": 1}, %s}'


@pytest.mark.parametrize(
    ("layer", "exit_status", "parts"),
    [
        ('"quic"', 2, ("an rpc_layer that is not known", 'received: "quic"')),
        ("false", 2, ("an rpc_layer that is not known", "received: false")),
        # As without the key: it looks for worker 0.
        ("null", 1, ("could not be met within",)),
    ],
)
def test_an_rpc_layer_is_refused_as_it_was_written(
    layer: str, exit_status: int, parts: tuple[str, ...], tmp_path: Path
) -> None:
    tf_config = WORKER_1 % f'"rpc_layer": {layer}'
    command = ["train", "digits", "--strategy", "workers"]
    refuse(command, tmp_path, exit_status, *parts, TF_CONFIG=tf_config, EDGEHYBRID_JOIN_SECONDS="1")


def write_cifar100(folder: Path, label: int = 0) -> None:
    folder.mkdir()
    for name in ("train", "test"):
        np.save(folder / f"{name}-images.npy", np.zeros((4, 32, 32, 3), np.uint8))
        np.save(folder / f"{name}-labels.npy", np.full(4, label))


def test_refuses_a_folder_without_images(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    refuse(["train", "xnor_res"], tmp_path, 1, "has no train images", EDGEHYBRID_DATA="data")


def test_refuses_a_damaged_data_file(tmp_path: Path) -> None:
    write_cifar100(tmp_path / "data")
    (tmp_path / "data" / "train-images.npy").write_bytes(b"no array")
    refuse(["train", "xnor_res"], tmp_path, 1, "the data file is damaged", EDGEHYBRID_DATA="data")


def test_refuses_a_label_out_of_range(tmp_path: Path) -> None:
    write_cifar100(tmp_path / "data", label=100)
    refuse(["train", "xnor_res"], tmp_path, 1, "labels of 'cifar100' are out of range", EDGEHYBRID_DATA="data")


def test_without_a_network_the_download_is_refused_at_once(tmp_path: Path) -> None:
    # Nothing listens on the discard port of this machine.
    dead = {"https_proxy": "http://127.0.0.1:9", "TFDS_DATA_DIR": str(tmp_path)}
    refuse(["train", "xnor_res"], tmp_path, 1, "CIFAR-100 could not be downloaded", "EDGEHYBRID_DATA", **dead)
