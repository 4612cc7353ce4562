"""Teachers and first stages: found, refused, and taken over."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_runs import random_model, random_run, tiny_recipe

from edgehybrid.errors import RunError
from edgehybrid.model.variables import trained_model
from edgehybrid.networks import float_twin
from edgehybrid.recipe import Recipe
from edgehybrid.runs.checkpoint import Record
from edgehybrid.runs.run_folder import RunFolder, create_run
from edgehybrid.training import loop
from edgehybrid.training.earlier_run import find_first_stage, find_teacher, take_weights

TWO_BITS = ("network.placement.weight_bits=2", "network.placement.activation_bits=2")
SPLIT = ("network.placement.float_fraction=0.5",)


def student_of(teacher: str) -> Recipe:
    return tiny_recipe(f"training.distillation.teacher={teacher}")


def second_stage_of(first: str, *overrides: str) -> Recipe:
    return tiny_recipe(f"training.start_from={first}", *overrides)


def recorded_run(runs: Path, recipe: Recipe) -> RunFolder:
    """A run folder that says it has a checkpoint: all that is looked at until the weights are read."""
    run = create_run(runs, recipe)
    (run.path / "checkpoint").mkdir()
    record = Record(file="epoch-0001.npz", sha256="0" * 64, recipe_sha256=run.recipe_sha256, epoch=1)
    (run.path / "checkpoint" / "latest.json").write_text(json.dumps(asdict(record)))
    return run


@pytest.fixture
def earlier(tmp_path: Path) -> RunFolder:
    """A run of the tiny recipe."""
    return recorded_run(tmp_path / "runs", tiny_recipe())


# Finding them.


def test_most_recipes_build_on_no_run(tmp_path: Path) -> None:
    assert find_teacher(tiny_recipe(), tmp_path) is None
    assert find_first_stage(tiny_recipe(), tmp_path) is None


def test_finds_a_teacher_by_name_and_by_path(earlier: RunFolder, tmp_path: Path) -> None:
    assert find_teacher(student_of(earlier.name), tmp_path / "runs") == earlier
    assert find_teacher(student_of(str(earlier.path)), tmp_path) == earlier


def test_finds_a_first_stage_by_name_and_by_path(earlier: RunFolder, tmp_path: Path) -> None:
    assert find_first_stage(second_stage_of(earlier.name), tmp_path / "runs") == earlier
    assert find_first_stage(second_stage_of(str(earlier.path)), tmp_path) == earlier


def test_a_teacher_may_be_another_network(tmp_path: Path) -> None:
    wide = recorded_run(tmp_path, tiny_recipe("network.width=0.5"))
    assert find_teacher(student_of(wide.name), tmp_path) == wide


@pytest.mark.parametrize(
    ("recipe", "find", "key"),
    [
        (student_of("absent"), find_teacher, "training.distillation.teacher"),
        (second_stage_of("absent"), find_first_stage, "training.start_from"),
    ],
    ids=["teacher", "first_stage"],
)
def test_refuses_a_run_that_is_not_there(recipe: Recipe, find: Any, key: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=f"{key} names cannot be used") as caught:
        find(recipe, tmp_path)
    assert caught.value.received == f"{key}: absent"


@pytest.mark.parametrize(
    ("recipe_of", "find"), [(student_of, find_teacher), (second_stage_of, find_first_stage)], ids=["teacher", "stage"]
)
def test_refuses_a_run_without_a_checkpoint(recipe_of: Any, find: Any, tmp_path: Path) -> None:
    bare = create_run(tmp_path, tiny_recipe())
    with pytest.raises(RunError, match="has no checkpoint yet"):
        find(recipe_of(bare.name), tmp_path)


def test_refuses_a_damaged_record(earlier: RunFolder, tmp_path: Path) -> None:
    (earlier.path / "checkpoint" / "latest.json").write_text(json.dumps({"epoch": 1}))
    with pytest.raises(RunError, match="checkpoint is damaged"):
        find_teacher(student_of(earlier.name), tmp_path / "runs")


@pytest.mark.parametrize(
    ("key", "override"),
    [
        ("data.dataset", "data.dataset=cifar100"),
        ("data.classes", "data.dataset=cifar100"),
        ("data.image_side", "data.image_side=12"),
        ("data.mean", "data.mean=[0.5]"),
        ("data.std", "data.std=[0.5]"),
    ],
)
def test_refuses_a_teacher_of_other_images(key: str, override: str, tmp_path: Path) -> None:
    others = recorded_run(tmp_path, tiny_recipe(override))
    with pytest.raises(RunError, match="trained on other images") as caught:
        find_teacher(student_of(others.name), tmp_path)
    assert key in (caught.value.received or "")
    assert key in (caught.value.allowed or "")


VGG = (
    "network.architecture=vgg19",
    "network.width=0.0625",
    "data.image_side=32",
    "network.placement.full_precision=[first, last]",
)


@pytest.mark.parametrize(
    ("overrides", "received", "allowed"),
    [
        (("network.width=0.5",), "layer conv1: 8 filters of 3×3×1", "layer conv1: 4 filters of 3×3×1"),
        (VGG, "layer stage1_block1_conv1: not there", "layer stage1_block1_conv1: 4 filters of 3×3×4"),
        (
            SPLIT,
            "layer stage1_block1_conv1: 4 filters of 3×3×4, 2 of them in full precision",
            "layer stage1_block1_conv1: 4 filters of 3×3×4",
        ),
    ],
    ids=["width", "architecture", "split"],
)
def test_refuses_a_first_stage_with_other_layers(
    overrides: tuple[str, ...], received: str, allowed: str, tmp_path: Path
) -> None:
    others = recorded_run(tmp_path, tiny_recipe(*overrides))
    with pytest.raises(RunError, match="has other layers than this network") as caught:
        find_first_stage(second_stage_of(others.name), tmp_path)
    assert caught.value.received == f"{others.path}: {received}"
    assert caught.value.allowed == allowed


def test_refuses_a_first_stage_with_layers_that_this_network_lacks(tmp_path: Path) -> None:
    # A VGG-19 with residual connections has all layers of one without, and shortcuts.
    residual = recorded_run(tmp_path, tiny_recipe(*VGG, "network.residual=true"))
    with pytest.raises(RunError, match="has other layers than this network") as caught:
        find_first_stage(second_stage_of(residual.name, *VGG), tmp_path)
    assert (caught.value.allowed or "").endswith("layer shortcut1: not there")


@pytest.mark.parametrize(
    "first", [float_twin(tiny_recipe()), tiny_recipe(*TWO_BITS)], ids=["full precision", "two bits"]
)
def test_precision_may_differ_between_the_stages(first: Recipe, tmp_path: Path) -> None:
    run = recorded_run(tmp_path, first)
    assert find_first_stage(second_stage_of(run.name), tmp_path) == run


# Taking their weights.


def values_by_name(model: Any) -> dict[str, list[Any]]:
    """Flat weights of each layer, latent ones behind quantised ones."""
    return {
        layer.name: [getattr(w, "latent_variable", w).numpy().ravel() for w in layer.weights]
        for layer in model.layers
        if layer.weights
    }


@pytest.mark.parametrize(
    ("second", "first"),
    [
        ((), float_twin(tiny_recipe())),
        ((), tiny_recipe(*TWO_BITS)),
        (SPLIT, tiny_recipe(*SPLIT, *TWO_BITS)),
        (("network.placement.full_precision=[first]",), float_twin(tiny_recipe())),
    ],
    ids=["from full precision", "from two bits", "of split layers", "of dense layer and shortcuts"],
)
def test_every_layer_takes_the_weights_of_its_namesake(second: tuple[str, ...], first: Recipe) -> None:
    model, earlier_model = random_model(tiny_recipe(*second), seed=1), random_model(first, seed=2)
    take_weights(model, earlier_model)
    got, expected = values_by_name(model), values_by_name(earlier_model)
    # A quantised shortcut has a BatchNorm of its own.
    assert all(name.endswith("shortcut_input_bn") for name in set(got) ^ set(expected))
    for name, arrays in expected.items():
        for one, other in zip(got[name], arrays, strict=True):
            np.testing.assert_array_equal(one, other, err_msg=name)


def test_what_only_the_second_stage_learns_keeps_its_own_start() -> None:
    learned = ("network.thresholds=learned", "network.activation=rprelu")
    model = random_model(tiny_recipe(*learned), seed=1)
    before, expected = values_by_name(model), values_by_name(random_model(tiny_recipe(), seed=2))
    take_weights(model, random_model(tiny_recipe(), seed=2))
    after = values_by_name(model)
    own = set(after) - set(expected)
    assert own
    for name, arrays in after.items():
        for one, other in zip(arrays, before[name] if name in own else expected[name], strict=True):
            np.testing.assert_array_equal(one, other, err_msg=name)


# Through the training loop.


def ignore(*_: Any) -> None:
    pass


class Stopped(Exception):  # noqa: N818 - ends the training where it would begin
    pass


def test_the_loop_gives_the_trainer_both_models_with_their_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}

    class Trainer:
        def __init__(self, recipe: Recipe, strategy: Any, teacher: Any, first_stage: Any) -> None:
            given.update(teacher=teacher, first_stage=first_stage)
            raise Stopped

    monkeypatch.setattr(loop, "Trainer", Trainer)
    runs = {"teacher": random_run(tmp_path, tiny_recipe("network.width=0.5"), seed=3)}
    runs["first_stage"] = random_run(tmp_path, float_twin(tiny_recipe()), seed=4)
    names = [f"training.distillation.teacher={runs['teacher'].name}", f"training.start_from={runs['first_stage'].name}"]
    with pytest.raises(Stopped):
        loop.train(tiny_recipe(*names), tmp_path, ignore, ignore)
    for role, run in runs.items():
        expected = values_by_name(trained_model(run)[0])
        for name, arrays in values_by_name(given[role]).items():
            for one, other in zip(arrays, expected[name], strict=True):
                np.testing.assert_array_equal(one, other, err_msg=f"{role} {name}")


@pytest.mark.parametrize("recipe", [student_of("absent"), second_stage_of("absent")], ids=["teacher", "first stage"])
def test_without_the_earlier_run_no_run_folder_is_made(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be used"):
        loop.train(recipe, tmp_path / "runs", ignore, ignore)
    assert not (tmp_path / "runs").exists()
