"""What the section ``training`` of a recipe fills in and refuses."""

import pytest

from edgehybrid.errors import RecipeError
from edgehybrid.recipe import load_recipe
from edgehybrid.recipe.training import Training


def test_an_optimizer_without_kind_is_sgd() -> None:
    training = Training.model_validate({"optimizer": {"learning_rate": 0.05}})
    assert training.optimizer.model_dump() == {
        "kind": "sgd",
        "learning_rate": 0.05,
        "momentum": 0.9,
        "nesterov": True,
    }


def test_another_kind_takes_its_own_defaults() -> None:
    # xnor_vgg sets a learning rate for sgd; Adam begins at its own.
    training = load_recipe("xnor_vgg", ["training.optimizer.kind=adam"]).training
    assert training.optimizer.model_dump() == {
        "kind": "adam",
        "learning_rate": 1e-3,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 1e-7,
    }


def test_an_augmentation_without_kind_is_padded() -> None:
    training = Training.model_validate({"augmentation": {"crop_padding_pixels": 2}})
    assert training.augmentation.model_dump() == {
        "kind": "padded",
        "crop_padding_pixels": 2,
        "horizontal_flip": True,
    }


def test_another_augmentation_takes_its_own_defaults() -> None:
    # The recipe sets the padding, which belongs to the other kind.
    training = load_recipe("digits", ["training.augmentation.kind=random_resized"]).training
    assert training.augmentation.model_dump() == {
        "kind": "random_resized",
        "least_area": 0.08,
        "largest_aspect": 4 / 3,
        "horizontal_flip": True,
    }


@pytest.mark.parametrize(("batch_size", "parts"), [(64, 3), (64, 128)])
def test_refuses_a_batch_that_is_not_so_many_equal_parts(batch_size: int, parts: int) -> None:
    settings = [f"training.batch_size={batch_size}", f"training.gradient_accumulation={parts}"]
    with pytest.raises(RecipeError, match=r"'training\.gradient_accumulation' must divide training\.batch_size"):
        load_recipe("digits", settings)


@pytest.mark.parametrize("key", ["epochs", "factor"])
def test_a_schedule_of_weight_decay_has_no_default(key: str) -> None:
    schedule = {"epochs": "[3]", "factor": "2"}
    del schedule[key]
    settings = [f"training.weight_decay_schedule.{name}={value}" for name, value in schedule.items()]
    with pytest.raises(RecipeError, match=f"key '{key}' is missing in training.weight_decay_schedule"):
        load_recipe("digits", settings)


def test_naming_a_teacher_takes_the_defaults_of_distillation() -> None:
    distillation = load_recipe("digits", ["training.distillation.teacher=a_run"]).training.distillation
    assert distillation is not None
    assert distillation.model_dump() == {"teacher": "a_run", "weight": 0.9, "temperature": 4.0}


def test_sharpness_is_not_measured_unless_it_is_asked_for() -> None:
    assert load_recipe("digits").training.health.sharpness is None
    sharpness = load_recipe("digits", ["training.health.sharpness.every_steps=50"]).training.health.sharpness
    assert sharpness is not None
    assert (sharpness.every_steps, sharpness.images, sharpness.of_signs) == (50, 1000, "both")


def test_how_often_sharpness_is_measured_has_no_default() -> None:
    with pytest.raises(RecipeError, match=r"key 'every_steps' is missing in training\.health\.sharpness"):
        load_recipe("digits", ["training.health.sharpness.images=100"])


def test_refuses_sharpness_of_weights_that_flip() -> None:
    settings = ["training.health.sharpness.every_steps=50", "training.optimizer.kind=bop"]
    with pytest.raises(RecipeError, match=r"'training\.health\.sharpness' must be null .* choose sgd or adam"):
        load_recipe("digits", settings)


@pytest.mark.parametrize(
    ("key", "value"), [("label_smoothing", 0.1), ("distillation", {"teacher": "a_run"})], ids=["smoothing", "teacher"]
)
def test_a_hinge_takes_no_probabilities(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"'training\.{key}' is about probabilities of classes"):
        Training.model_validate({"loss": "squared_hinge", key: value})


def test_inverse_time_takes_the_published_decay_and_no_drop() -> None:
    schedule = Training.model_validate({"schedule": {"kind": "inverse_time"}}).schedule
    assert schedule.model_dump() == {"kind": "inverse_time", "decay": 2.5e-5, "epochs": (), "factor": 0.1}
