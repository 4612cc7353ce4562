"""The installed command in a process of its own: exit status, messages, JSON, and what it leaves behind."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from disks import files_of_at_most
from processes import call, modules_after_command, refuse
from report_samples import HYBRID, make_row
from tiny_runs import unfinish

from edgehybrid import results
from edgehybrid.cli import main
from edgehybrid.recipe import load_recipe, recipe_names
from edgehybrid.report.build import Report
from edgehybrid.runs.checkpoint import Record
from edgehybrid.runs.run_folder import create_run

COMMANDS = (
    *("train", "convert", "evaluate", "benchmark", "devices", "cost", "explain"),
    *("calibrate", "predict", "proxy", "results", "report", "demo"),
)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_of_every_command_exits_0(command: str, tmp_path: Path) -> None:
    done = call([*command.split(), "--help"], tmp_path)
    assert done.returncode == 0
    assert "Usage:" in done.stdout


def test_refuses_an_unknown_key_with_its_line_and_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(HYBRID.to_yaml().replace("epochs: 199", "epoch: 199"))
    line = 1 + (tmp_path / "mine.yaml").read_text().splitlines().index("  epoch: 199")
    refuse(["train", "mine.yaml"], tmp_path, 2, f"mine.yaml:{line}", "unknown key 'epoch'", "Did you mean 'epochs'?")


@pytest.mark.parametrize(
    ("setting", "part"),
    [
        ("training.epochs=many", "must be a whole number"),
        ("network.width=-1", "out of range"),
        ("network.placement.float_fraction=1.5", "out of range"),
        ("network.width=0.01", "without a filter"),
        ("network.placement.full_precision=[stage9]", "names nothing in this network"),
        ("training.epoch=3", "Did you mean"),
        ("network.architecture=resnet21", "Did you mean 'resnet20'?"),
    ],
)
@pytest.mark.parametrize("command", ["train", "cost"])
def test_refuses_a_bad_setting(command: str, setting: str, part: str, tmp_path: Path) -> None:
    refuse([command, "digits", "--set", setting], tmp_path, 2, part)


QUANTISED_FIRST = ("--set", "network.placement.full_precision=[last]")


def test_refuses_to_train_a_quantised_layer_of_one_input_channel(tmp_path: Path) -> None:
    refuse(
        ["train", "digits", *QUANTISED_FIRST],
        tmp_path,
        2,
        "'conv1' reads a single channel",
        "1 input channel",
        "--set training.latent_weights.centre=false --set training.latent_weights.gradient_scale=none",
        "or keep 'conv1' in full precision",
    )


def test_counts_a_network_that_cannot_be_trained_like_this(tmp_path: Path) -> None:
    assert call(["cost", "digits", *QUANTISED_FIRST], tmp_path).returncode == 0


def test_refuses_an_unknown_recipe(tmp_path: Path) -> None:
    refuse(["train", "hybrid_res_d"], tmp_path, 2, "There is no such recipe", "Did you mean 'hybrid_res_")


def test_refuses_a_recipe_together_with_a_run_to_resume(tmp_path: Path) -> None:
    refuse(["train", "digits", "--resume", "old"], tmp_path, 2, "either a recipe to train, or a run to resume")


@pytest.mark.parametrize(
    "arguments",
    [["convert", "--target", "aarch64"], ["evaluate"], ["evaluate", "--keras"], ["benchmark"]],
    ids=" ".join,
)
def test_refuses_to_default_to_a_run_that_is_not_there(arguments: list[str], tmp_path: Path) -> None:
    refuse(arguments, tmp_path, 1, "There is no run to default to", "edgehybrid train RECIPE")


@pytest.mark.parametrize("command", ["results", "report", "proxy"])
def test_refuses_to_report_without_results(command: str, tmp_path: Path) -> None:
    refuse([command], tmp_path, 1, "There are no results yet", "edgehybrid benchmark")


def test_refuses_a_checkpoint_that_was_damaged(run: Path, tmp_path: Path) -> None:
    (checkpoint,) = (run / "checkpoint").glob("*.npz")
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1])
    refuse(["convert", run.name, "--target", "aarch64"], tmp_path, 1, "The checkpoint is damaged", "SHA-256")


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


@pytest.mark.parametrize("arguments", [["train", "digits"], ["demo"]], ids=" ".join)
def test_a_missing_extra_is_named(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "tensorflow.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'tensorflow'\", name='tensorflow')"
    )
    refuse(
        arguments,
        tmp_path,
        1,
        "'tensorflow', which is not installed",
        "pip install 'edgehybrid[train]'",
        PYTHONPATH=str(tmp_path / "without"),
        PYTHONDONTWRITEBYTECODE="1",
    )


def test_without_a_network_the_download_is_refused_at_once(tmp_path: Path) -> None:
    # Nothing listens on the discard port of this machine.
    dead = {"https_proxy": "http://127.0.0.1:9", "TFDS_DATA_DIR": str(tmp_path)}
    refuse(["train", "xnor_res"], tmp_path, 1, "CIFAR-100 could not be downloaded", "EDGEHYBRID_DATA", **dead)


@pytest.mark.parametrize("arguments", [[".", "--keras"], ["model.packed.x86_64.tflite"]], ids=["keras", "packed"])
def test_start_up_notes_are_held_back(arguments: list[str], run: Path) -> None:
    done = call(["evaluate", *arguments], run)
    assert (done.returncode, done.stderr) == (0, "")
    if "--keras" in arguments:
        assert call(["evaluate", *arguments], run, TF_CPP_MIN_LOG_LEVEL="0").stderr


def test_warns_of_a_training_that_is_not_finished(run: Path, tmp_path: Path) -> None:
    unfinish(run, epoch=1, step=2)
    done = call(["evaluate", str(run), "--keras", "--json"], tmp_path)
    (warning,) = json.loads(done.stdout)["warnings"]
    assert "The training is not finished: 1 of" in warning
    assert (done.returncode, done.stderr) == (0, f"Warning: {warning}\n")


def test_with_json_a_result_is_one_document_on_stdout(tmp_path: Path) -> None:
    done = call(["cost", "xnor_res", "--json"], tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout)["recipe"] == "xnor_res"
    assert done.stderr == ""


def test_cost_of_all_published_recipes_in_one_call(tmp_path: Path) -> None:
    published = [name for name in recipe_names() if load_recipe(name).published]
    done = call(["cost", *published, "--json"], tmp_path)
    rows = json.loads(done.stdout)["results"]
    assert len(published) == 24
    assert [row["recipe"] for row in rows] == published
    assert all(row["energy_uj"] > 0 and row["memory_bits"] > 0 for row in rows)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["cost", "hybrid_res_a"],
        ["explain", "PACKED", "--overlay", "overlays"],
        ["results"],
        ["proxy"],
        ["report"],
        ["evaluate", "PACKED"],
        ["benchmark", "PACKED", "--sessions", "1", "--timed-runs", "1", "--no-twins"],
        ["devices", "list"],
    ],
    ids=lambda a: a[0],
)
@pytest.mark.usefixtures("own_cache")
def test_loads_no_tensorflow(arguments: list[str], run: Path, tmp_path: Path) -> None:
    for device in ("pi4", "a53"):
        results.append(tmp_path / "runs" / "results.sqlite", make_row(device=device))
    arguments = [str(run / "model.packed.x86_64.tflite") if word == "PACKED" else word for word in arguments]
    # The images of digits are scikit-learn's.
    own = {"sklearn"} if arguments[0] == "evaluate" else set()
    loaded = modules_after_command(arguments, tmp_path)
    assert not {"tensorflow", "tf_keras", "larq", "larq_compute_engine", "sklearn"} - own & loaded


def test_the_demo_prints_its_rows_and_not_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    report = Report(
        Path("report.html"), Path("report.md"), Path("report.csv"), rows=2, refused=(), table="", comparisons=()
    )
    rows = [make_row(), make_row(recipe="digits_float")]
    monkeypatch.setattr("edgehybrid.demo.demo", lambda *_: (rows, report))
    done = CliRunner().invoke(main, ["demo", "--json", "--runs", "no_runs_are_here"])
    assert json.loads(done.stdout)["rows"] == [row.as_dict() for row in rows]


@pytest.mark.parametrize("name", ["report.html", "report.md", "report.csv"])
def test_the_demo_replaces_no_report_unless_told(name: str, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / name).write_text("mine")
    refuse(["demo"], tmp_path, 1, "The report exists already", name, "--overwrite")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["results", "--csv", "--json"], ["either CSV or JSON", "--csv --json"]),
        (["results", "--results", "a.sqlite", "--runs", "b"], ["--results --runs"]),
        (["evaluate", "--keras", "--threads", "2"], ["--keras --threads"]),
        (["evaluate", ".", "--runs", "b"], ["A path is looked for where it leads", ". --runs b"]),
        (["convert", ".", "--target", "aarch64", "--runs", "b"], [". --runs b"]),
        (["convert", "--target", "aarch64", "--float-parts", "int8", "--format", "int8"], ["--format int8"]),
        (["convert", "--target", "aarch64", "--float-parts", "int8", "--twin"], ["--float-parts int8 --twin"]),
        (["convert", "--target", "aarch64", "--max-drop", "1"], ["--max-drop", "for int8 alone"]),
        (["convert", "--target", "aarch64", "--max-drop", "1", "--format", "int8", "--twin"], ["for int8 alone"]),
        (["proxy", "--results", "a.sqlite", "--runs", "b"], ["--results --runs"]),
        (["benchmark", ".", "--runs", "b", "--results", "a.sqlite"], [". --runs b"]),
        (["train", "--resume", ".", "--runs", "b"], [". --runs b"]),
        (["train", "digits", "--resume", "a"], ["either a recipe to train, or a run to resume"]),
        (["train", "--resume", "a", "--set", "training.epochs=2"], ["either a recipe to train, or a run to resume"]),
    ],
    ids=" ".join,
)
def test_refuses_options_that_cannot_both_be_meant(arguments: list[str], parts: list[str], tmp_path: Path) -> None:
    done = call(arguments, tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("Error: ") == 1
    for part in parts:
        assert part in done.stderr


@pytest.mark.parametrize("variable", ["EDGEHYBRID_RUNS", "EDGEHYBRID_DATA"])
def test_an_empty_variable_is_as_none(variable: str, tmp_path: Path) -> None:
    results.append(tmp_path / "runs" / "results.sqlite", make_row())
    done = call(["results"], tmp_path, **{variable: ""})
    assert (done.returncode, done.stdout.count("digits")) == (0, 1), done.stderr
