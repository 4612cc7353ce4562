"""Energy tables: the paper's constants, units, and every refusal."""

from pathlib import Path

import pytest

from edgehybrid.cost.tables import Operation, find_table, load_table, read_table, table_names
from edgehybrid.errors import UsageError

MAC = "  mac: {value: 3.25, unit: pJ, bits: 32, technology_nm: 10, source: somebody}"
OPERATIONS = "operations: {memory_access: [memory_access], float_mac: [mac], integer_mac: [mac]}"
VALID = f"""
description: a test
constants:
  memory_access: {{value: 80, unit: pJ, bits: 32, technology_nm: 10, source: somebody}}
{MAC}
{OPERATIONS}
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


def test_paper_table_has_the_three_constants_of_table_2() -> None:
    constants = load_table("paper").constants
    assert {name: constant.energy_pj for name, constant in constants.items()} == {
        "memory_access": 80,
        "mac": 3.25,
        "printed_binary_mac": 0.1,
    }


@pytest.mark.parametrize("name", table_names())
def test_every_constant_states_width_node_and_source(name: str) -> None:
    for constant in load_table(name).constants.values():
        assert constant.bits in (1, 8, 32, 64)
        assert constant.technology_nm in (10, 28, 45)
        assert any(word in constant.source for word in ("Table 2", "Figure 1.1.9", "abstract"))


@pytest.mark.parametrize("name", table_names())
def test_every_constant_is_used(name: str) -> None:
    table = load_table(name)
    assert {constant for names in table.operations.values() for constant in names} == set(table.constants)


def test_binary_energies_are_a_thirty_second() -> None:
    table = load_table("paper")
    assert table.pj("memory_access", 1) == 2.5  # printed so in Table 2
    assert table.pj("integer_mac", 1) == 0.1015625  # 3.25 / 32; Table 2 prints 0.1
    assert table.pj("binary_mac", 1) == 0.1


@pytest.mark.parametrize("operation", ["memory_access", "integer_mac"])
def test_energy_is_proportional_to_the_bits(operation: Operation) -> None:
    table = load_table("paper")
    of_32 = table.pj(operation, 32)
    assert [table.pj(operation, bits) for bits in (1, 2, 8)] == [of_32 * bits / 32 for bits in (1, 2, 8)]


@pytest.mark.parametrize(
    ("name", "operation", "bits", "energy_pj"),
    [
        # The middle of 1.3 to 2.6 nJ for 64 bits; 3.7 + 0.9; 0.2 + 0.03.
        ("horowitz_45nm", "memory_access", 32, 1950 / 2),
        ("horowitz_45nm", "float_mac", 32, 4.6),
        ("horowitz_45nm", "integer_mac", 8, 0.23),
        ("horowitz_45nm", "integer_mac", 1, 0.23 / 8),
        # Middles of 150 to 200, 80 to 350 and 50 to 80 pJ; two instructions a MAC.
        ("cortex_a7", "memory_access", 32, 175),
        ("cortex_a7", "float_mac", 32, 2 * 215),
        ("cortex_a7", "integer_mac", 1, 2 * 65 / 32),
    ],
)
def test_operations_add_up_their_constants(name: str, operation: Operation, bits: int, energy_pj: float) -> None:
    # Two divisions and an addition: 3 roundings of 2**-53.
    assert load_table(name).pj(operation, bits) == pytest.approx(energy_pj, rel=4e-16)


def test_names_an_operation_that_the_table_lacks() -> None:
    with pytest.raises(UsageError, match="'horowitz_45nm' has no constant for binary_mac of 1 bits"):
        load_table("horowitz_45nm").pj("binary_mac", 1)


def test_a_narrow_mac_does_not_stand_for_a_wide_one() -> None:
    with pytest.raises(UsageError, match="no constant for integer_mac of 16 bits") as caught:
        load_table("horowitz_45nm").pj("integer_mac", 16)
    assert caught.value.received == "integer_multiply of 8 bits, integer_add of 8 bits"


def test_scaling_changes_one_constant() -> None:
    table = load_table("horowitz_45nm")
    scaled = table.scaled("float_add", 0.5)
    assert scaled.pj("float_mac", 32) == 3.7 + 0.45
    assert scaled.pj("memory_access", 1) == table.pj("memory_access", 1)


def test_a_table_is_named_after_its_file(tmp_path: Path) -> None:
    assert read_table(write(tmp_path, VALID)).name == "mine"
    assert load_table("paper").name == "paper"


@pytest.mark.parametrize(("value", "unit"), [("80000", "fJ"), ("80", "pJ"), ("0.08", "nJ")])
def test_units_are_converted_to_picojoules(tmp_path: Path, value: str, unit: str) -> None:
    table = read_table(write(tmp_path, VALID.replace("value: 80, unit: pJ", f"value: {value}, unit: {unit}")))
    # 1e-3 has no exact binary form: one rounding.
    assert table.constants["memory_access"].energy_pj == pytest.approx(80, rel=1e-15)


def test_refuses_an_unknown_name_with_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        load_table("papper")
    assert caught.value.received == "papper"
    assert caught.value.next_step == "Did you mean 'paper'?"


def test_refuses_a_missing_constant_by_name(tmp_path: Path) -> None:
    error = refusal(tmp_path, MAC, "")
    assert "the constant 'mac' is missing in the energy table, and 'operations.float_mac' needs it" in error.what


@pytest.mark.parametrize("section", ["description: a test", OPERATIONS])
def test_refuses_a_missing_section(tmp_path: Path, section: str) -> None:
    assert f"key '{section.split(':')[0]}' is missing in the energy table" in refusal(tmp_path, section, "").what


@pytest.mark.parametrize(("names", "must_be"), [("mac", "a list"), ("[]", "a list that is not empty"), ("[3]", "text")])
def test_refuses_an_operation_that_is_no_list_of_constants(tmp_path: Path, names: str, must_be: str) -> None:
    error = refusal(tmp_path, "float_mac: [mac]", f"float_mac: {names}")
    assert error.what.startswith(f"{tmp_path}/mine.yaml:6: 'operations.float_mac")
    assert f"must be {must_be}." in error.what


def test_refuses_an_unknown_operation_with_the_nearest(tmp_path: Path) -> None:
    error = refusal(tmp_path, "float_mac: [mac]", "float_mca: [mac]")
    assert error.next_step == "Did you mean 'float_mac'?"


@pytest.mark.parametrize("ends", ["80", "[80]", "[90, 80]", "[-1, 80]", "[0, 80]", "[1, 2, 3]", "[1, x]", "[1, .nan]"])
def test_refuses_what_is_no_range(tmp_path: Path, ends: str) -> None:
    error = refusal(tmp_path, "value: 80", f"range: {ends}")
    assert "mine.yaml:4" in error.what
    assert "range" in error.what


@pytest.mark.parametrize("figures", ["value: 80, range: [70, 90], ", ""])
def test_a_constant_has_either_a_value_or_a_range(tmp_path: Path, figures: str) -> None:
    assert "either a 'value' or a 'range'" in refusal(tmp_path, "value: 80, ", figures).what


def test_a_file_is_found_by_its_path_and_a_table_by_its_name(tmp_path: Path) -> None:
    assert find_table(str(write(tmp_path, VALID))).name == "mine"
    assert find_table("cortex_a7").name == "cortex_a7"


def test_a_file_of_a_tables_name_does_not_hide_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "paper").write_text(VALID)
    monkeypatch.chdir(tmp_path)
    assert find_table("paper") is load_table("paper")
    assert find_table("./paper").name == "paper"
    assert find_table("./paper") is not load_table("paper")


@pytest.mark.parametrize("key", ["unit: pJ", "bits: 32", "technology_nm: 10"])
def test_refuses_a_constant_without(tmp_path: Path, key: str) -> None:
    error = refusal(tmp_path, f"{key}, ", "")
    assert f"key '{key.split(':')[0]}' is missing in constants.memory_access" in error.what
    assert "mine.yaml:4" in error.what


@pytest.mark.parametrize("value", ["-80", "0", "-0.0", ".inf", ".nan", "true", "eighty", "null", "[80]"])
def test_refuses_a_value_that_is_not_a_positive_number(tmp_path: Path, value: str) -> None:
    error = refusal(tmp_path, "value: 80", f"value: {value}")
    assert "mine.yaml:4" in error.what
    assert "either a 'value'" in error.what if value == "null" else "'constants.memory_access.value'" in error.what
    assert error.allowed == ("> 0.0" if value in ("-80", "0", "-0.0") else None)


def test_refuses_an_unknown_unit_with_the_known_ones(tmp_path: Path) -> None:
    error = refusal(tmp_path, "unit: pJ", "unit: pj")
    assert "'constants.memory_access.unit'" in error.what
    assert (error.received, error.allowed) == ('"pj"', "fJ, pJ, nJ")


@pytest.mark.parametrize("bits", ["0", "-1", "1.5"])
def test_refuses_a_width_that_is_not_a_count_of_bits(tmp_path: Path, bits: str) -> None:
    assert "'constants.memory_access.bits'" in refusal(tmp_path, "bits: 32", f"bits: {bits}").what


@pytest.mark.parametrize("source", ["''", "3", "null"])
def test_refuses_a_constant_without_a_source_in_words(tmp_path: Path, source: str) -> None:
    assert "must be text" in refusal(tmp_path, "source: somebody", f"source: {source}").what


def test_refuses_an_unknown_key_with_the_nearest(tmp_path: Path) -> None:
    error = refusal(tmp_path, "value: 80", "valeu: 80")
    assert "unknown key 'valeu' in constants.memory_access" in error.what
    assert error.next_step == "Did you mean 'value'?"


def test_refuses_a_constant_that_is_not_a_section(tmp_path: Path) -> None:
    error = refusal(tmp_path, MAC, "  mac: 3.25")
    assert "'constants.mac' must be a section of keys" in error.what


def test_refuses_a_constant_given_twice(tmp_path: Path) -> None:
    assert "given twice" in refusal(tmp_path, "  mac:", "  memory_access:").what


def test_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_table(tmp_path / "absent.yaml")
