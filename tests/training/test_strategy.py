"""The names of what a model can be copied to."""

from click.testing import CliRunner
from processes import modules_after

from edgehybrid.cli import main
from edgehybrid.training.strategy import STRATEGIES


def test_the_command_offers_each() -> None:
    assert f"[{'|'.join(STRATEGIES)}]" in CliRunner().invoke(main, ["train", "--help"]).stdout


def test_they_are_known_without_tensorflow() -> None:
    assert "tensorflow" not in modules_after("import edgehybrid.training.strategy")
