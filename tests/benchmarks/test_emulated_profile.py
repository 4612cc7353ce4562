"""benchmarks/emulated_profile.py: reading a disassembly, and shares of samples."""

import pytest
from emulated_profile import Instruction, instructions_in, print_shares, shares, short_name

# As llvm-objdump 14 prints it.
DISASSEMBLY = """
lib.so:	file format elf64-littleaarch64

Disassembly of section .text:

0000000000001000 <void edgehybrid::neon::BconvTile<2, 2>(edgehybrid::BconvStrip const&, int const*)>:
    1000:      	cnt	v0.16b, v1.16b
    1004:      	ld1r	{ v2.4s }, [x3]
    1008:      	ldp	q0, q1, [x2]
    100c:      	add	x0, x0, #1

0000000000001010 <memcpy>:
    1010:      	ret
"""


def test_a_disassembly_gives_function_and_kind_of_each_address() -> None:
    assert dict(instructions_in(DISASSEMBLY)) == {
        0x1000: Instruction("BconvTile<2, 2>", "cnt V"),
        0x1004: Instruction("BconvTile<2, 2>", "ld1r V"),
        0x1008: Instruction("BconvTile<2, 2>", "ldp V"),
        0x100C: Instruction("BconvTile<2, 2>", "add"),
        0x1010: Instruction("memcpy", "ret"),
    }


@pytest.mark.parametrize(
    ("function", "short"),
    [
        ("void edgehybrid::neon::Run<true, (edgehybrid::Micro)8>(edgehybrid::Row const&)", "Run<true, 8>"),
        ("edgehybrid::(anonymous namespace)::BconvStep::Run(unsigned char* const*, int) const", "BconvStep::Run"),
        ("memcpy", "memcpy"),
    ],
)
def test_short_names(function: str, short: str) -> None:
    assert short_name(function) == short


def test_shares_are_of_all_samples_and_within_a_function(capsys: pytest.CaptureFixture[str]) -> None:
    sampled = {"places": [[0x1000, 6], [0x100C, 2], [0x1010, 1]], "outside": 1}
    found = shares(sampled, dict(instructions_in(DISASSEMBLY)))
    assert found["samples"] == 10
    assert found["outside_of_library"] == 0.1
    assert found["kinds"] == {"cnt V": 0.6, "add": 0.2, "ret": 0.1}
    assert found["functions"]["BconvTile<2, 2>"] == {"share": 0.8, "kinds": {"cnt V": 0.75, "add": 0.25}}
    print_shares(found, functions=1)
    assert "80.0%  BconvTile<2, 2>" in capsys.readouterr().out
