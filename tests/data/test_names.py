"""Names of files in sentences: on one line, whatever they hold."""

import os

from edgehybrid.data.names import listed, shown


def test_a_printable_name_stays_as_it_is() -> None:
    assert shown("a folder/größe 写真.JPEG") == "a folder/größe 写真.JPEG"


def test_line_breaks_and_escape_sequences_are_escaped() -> None:
    assert shown("a\nb\r\x1b[31m\u2028.jpg") == r"a\nb\r\x1b[31m\u2028.jpg"


def test_bytes_that_are_no_text_are_escaped() -> None:
    name = shown(os.fsdecode(b"\xff.jpg"))
    assert name == r"\udcff.jpg"
    assert name.encode() == name.encode("ascii")


def test_a_long_list_is_cut() -> None:
    assert listed([str(number) for number in range(10)]) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert listed([str(number) for number in range(12)]) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"
