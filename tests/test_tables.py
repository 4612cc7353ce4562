"""Energy tables: the paper's constants, units, and every refusal."""

from pathlib import Path

import pytest

from edgehybrid.cost.tables import load_table, read_table
from edgehybrid.errors import UsageError

MAC = "  mac: {value: 3.25, unit: pJ, bits: 32, technology_nm: 10, source: somebody}"
VALID = f"""
description: a test
constants:
  memory_access: {{value: 80, unit: pJ, bits: 32, technology_nm: 10, source: somebody}}
{MAC}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(folder: Path, old: str, new: str) -> UsageError:
    """The error that a valid table causes once ``old`` is replaced by ``new``."""
    if old not in VALID:
        raise ValueError(f"{old!r} is not in the valid table")
    with pytest.raises(UsageError) as caught:
        read_table(write(folder, VALID.replace(old, new, 1)))
    return caught.value


def test_paper_table_has_the_two_constants_of_table_2() -> None:
    table = load_table("paper")
    assert (table.memory_access.energy_pj, table.mac.energy_pj) == (80, 3.25)


def test_paper_table_states_width_node_and_source_of_each_constant() -> None:
    table = load_table("paper")
    for constant in (table.memory_access, table.mac):
        assert (constant.bits, constant.technology_nm) == (32, 10)
        assert "Table 2" in constant.source
        assert "Keckler" in constant.source


def test_binary_energies_are_a_thirty_second() -> None:
    table = load_table("paper")
    assert table.memory_access.scaled_pj(1) == 2.5  # printed so in Table 2
    assert table.mac.scaled_pj(1) == 0.1015625  # 3.25 / 32; Table 2 prints 0.1


def test_energy_is_proportional_to_the_bits() -> None:
    mac = load_table("paper").mac
    assert [mac.scaled_pj(bits) for bits in (1, 2, 8, 32)] == [3.25 * bits / 32 for bits in (1, 2, 8, 32)]


def test_a_table_is_named_after_its_file(tmp_path: Path) -> None:
    assert read_table(write(tmp_path, VALID)).name == "mine"
    assert load_table("paper").name == "paper"


@pytest.mark.parametrize(("value", "unit"), [("80000", "fJ"), ("80", "pJ"), ("0.08", "nJ")])
def test_units_are_converted_to_picojoules(tmp_path: Path, value: str, unit: str) -> None:
    table = read_table(write(tmp_path, VALID.replace("value: 80, unit: pJ", f"value: {value}, unit: {unit}")))
    # 1e-3 has no exact binary form: one rounding.
    assert table.memory_access.energy_pj == pytest.approx(80, rel=1e-15)


def test_refuses_an_unknown_name_with_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        load_table("papper")
    assert caught.value.received == "papper"
    assert caught.value.next_step == "Did you mean 'paper'?"


def test_refuses_a_missing_constant_by_name(tmp_path: Path) -> None:
    error = refusal(tmp_path, MAC, "")
    assert "'constants.mac' is missing" in error.what


@pytest.mark.parametrize("key", ["value: 80", "unit: pJ", "bits: 32", "technology_nm: 10"])
def test_refuses_a_constant_without(tmp_path: Path, key: str) -> None:
    error = refusal(tmp_path, f"{key}, ", "")
    assert f"'constants.memory_access.{key.split(':')[0]}' is missing" in error.what
    assert "mine.yaml:4" in error.what


@pytest.mark.parametrize("value", ["-80", "0", "-0.0", ".inf", ".nan", "true", "eighty", "null", "[80]"])
def test_refuses_a_value_that_is_not_a_positive_number(tmp_path: Path, value: str) -> None:
    error = refusal(tmp_path, "value: 80", f"value: {value}")
    assert "'constants.memory_access.value' of an energy table is not a positive number" in error.what
    assert "mine.yaml:4" in error.what
    assert error.allowed == "> 0"


def test_refuses_an_unknown_unit_with_the_known_ones(tmp_path: Path) -> None:
    error = refusal(tmp_path, "unit: pJ", "unit: pj")
    assert "'constants.memory_access.unit'" in error.what
    assert (error.received, error.allowed) == ("'pj'", "fJ, pJ, nJ")


@pytest.mark.parametrize("bits", ["0", "-1", "1.5"])
def test_refuses_a_width_that_is_not_a_count_of_bits(tmp_path: Path, bits: str) -> None:
    assert "'constants.memory_access.bits'" in refusal(tmp_path, "bits: 32", f"bits: {bits}").what


@pytest.mark.parametrize("source", ["''", "3", "null"])
def test_refuses_a_constant_without_a_source_in_words(tmp_path: Path, source: str) -> None:
    assert "is not a text" in refusal(tmp_path, "source: somebody", f"source: {source}").what


def test_refuses_an_unknown_key_with_the_nearest(tmp_path: Path) -> None:
    error = refusal(tmp_path, "value: 80", "valeu: 80")
    assert "unknown key 'constants.memory_access.valeu'" in error.what
    assert error.next_step == "Did you mean 'value'?"


def test_refuses_a_constant_that_is_not_a_section(tmp_path: Path) -> None:
    error = refusal(tmp_path, MAC, "  mac: 3.25")
    assert "'constants.mac' of an energy table is not a section" in error.what


def test_refuses_a_constant_given_twice(tmp_path: Path) -> None:
    assert "given twice" in refusal(tmp_path, "  mac:", "  memory_access:").what


def test_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_table(tmp_path / "absent.yaml")
