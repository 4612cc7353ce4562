"""What the README says is there is there."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from processes import modules_after

from edgehybrid.cli import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(?:sh)?\n(.*?)```", README, re.DOTALL)


def test_commands_exist_with_help() -> None:
    named = set(re.findall(r"edgehybrid ([a-z]+)", "\n".join(BLOCKS)))
    assert named <= set(main.commands)
    for name in main.commands:
        assert main.commands[name].help, name


def test_every_option_of_every_command_is_explained_or_obvious() -> None:
    for name, command in main.commands.items():
        result = CliRunner().invoke(main, [name, "--help"])
        assert result.exit_code == 0, name
        assert command.params, name


def test_tree_names_paths_that_exist() -> None:
    tree = next(block for block in BLOCKS if "recipes/ " in block)
    for line in tree.splitlines():
        assert (ROOT / line.split()[0]).exists(), line


def test_recipes_named_in_commands_exist() -> None:
    from edgehybrid.recipe import recipe_names

    line = next(line for block in BLOCKS for line in block.splitlines() if line.startswith("edgehybrid cost"))
    assert set(line.split("#")[0].split()[2:]) <= set(recipe_names())


@pytest.mark.parametrize("module", [f"edgehybrid.{name}" for name in ("cost", "results", "report", "flatbuffer")])
def test_light_modules_load_no_tensorflow(module: str) -> None:
    assert "tensorflow" not in modules_after(f"import {module}")
