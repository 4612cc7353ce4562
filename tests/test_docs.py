"""What the README says is there is there, and so is a test of every module."""

import re
from pathlib import Path

import click
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


def test_every_option_of_every_command_is_explained() -> None:
    for name, command in main.commands.items():
        result = CliRunner().invoke(main, [name, "--help"])
        assert result.exit_code == 0, name
        for parameter in command.params:
            assert not isinstance(parameter, click.Option) or parameter.help, (name, parameter.name)


def test_tree_names_paths_that_exist() -> None:
    tree = next(block for block in BLOCKS if "recipes/ " in block)
    for line in tree.splitlines():
        assert (ROOT / line.split()[0]).exists(), line


def test_recipes_named_in_commands_exist() -> None:
    from edgehybrid.recipe import recipe_names

    line = next(line for block in BLOCKS for line in block.splitlines() if line.startswith("edgehybrid cost"))
    assert set(line.split("#")[0].split()[2:]) <= set(recipe_names())


@pytest.mark.parametrize("module", [f"edgehybrid.{name}" for name in ("cost", "results", "report.build", "flatbuffer")])
def test_light_modules_load_no_tensorflow(module: str) -> None:
    assert "tensorflow" not in modules_after(f"import {module}")


# Modules that are tested through others: where, and why there.
TESTED_ELSEWHERE = {
    "edgehybrid/census/formats.py": "tests/census/test_agreement.py: names alone; there is what each means",
    "edgehybrid/data/half.py": "tests/data/test_pipeline.py: a union of three types alone",
    "edgehybrid/runtime/loaded.py": "tests/runtime/test_interpreter.py: a record alone",
}


def modules_without_a_test() -> list[str]:
    """Those without a file of their name in the mirrored folder of tests/, where edgehybrid/ itself is tests/."""
    found = []
    for path in [*ROOT.glob("edgehybrid/**/*.py"), *ROOT.glob("converters/**/*.py")]:
        module = path.relative_to(ROOT)
        folder = module.parent.relative_to("edgehybrid") if module.parts[0] == "edgehybrid" else module.parent
        has_test = (ROOT / "tests" / folder / f"test_{module.name}").exists()
        if not has_test and module.name not in ("__init__.py", "__main__.py"):
            found.append(module.as_posix())
    return sorted(found)


def test_every_module_has_a_test_of_its_name() -> None:
    assert [module for module in modules_without_a_test() if module not in TESTED_ELSEWHERE] == []


def test_every_exception_is_a_module_without_a_test_of_its_name() -> None:
    assert [module for module in TESTED_ELSEWHERE if module not in modules_without_a_test()] == []


def test_what_tests_a_module_in_place_of_a_test_of_its_name_is_there() -> None:
    for places in TESTED_ELSEWHERE.values():
        for place in places.partition(":")[0].split(", "):
            assert (ROOT / place).is_file(), place
