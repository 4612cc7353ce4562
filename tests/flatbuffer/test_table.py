"""table.py: tables that the flatbuffers package wrote are read, misleading offsets refused."""

import struct
from typing import Any

import flatbuffers
import numpy as np
import pytest
from flatbuffers import flexbuffers
from flatbuffers.number_types import Float32Flags, Int32Flags, Int64Flags, Uint8Flags
from hypothesis import given
from hypothesis import strategies as st

from edgehybrid.errors import FlatbufferError
from edgehybrid.flatbuffer.table import File, Table


def table_of(numbers: list[int], text: str = "", blob: bytes = b"") -> Table:
    """A table with field 0: the numbers, 1: the text, 2: the blob, 3: the first number; field 4 is absent."""
    builder = flatbuffers.Builder(64)
    fields = [builder.CreateNumpyVector(np.array(numbers, np.int32)), builder.CreateString(text)]
    fields.append(builder.CreateNumpyVector(np.frombuffer(blob, np.uint8)))
    builder.StartObject(5)
    for slot, field in enumerate(fields):
        builder.PrependUOffsetTRelativeSlot(slot, field, 0)
    builder.PrependInt32Slot(3, numbers[0] if numbers else 0, 0)
    builder.Finish(builder.EndObject())
    return File(bytes(builder.Output()), "a file").root()


@given(
    numbers=st.lists(st.integers(-(2**31), 2**31 - 1), max_size=20),
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    options=st.dictionaries(st.from_regex(r"[a-z_]{1,20}", fullmatch=True), st.integers(-(2**63), 2**63 - 1)),
)
def test_reads_what_was_written(numbers: list[int], text: str, options: dict[str, int]) -> None:
    table = table_of(numbers, text, bytes(flexbuffers.Dumps(options)))
    assert (table.numbers(0), table.string(1), table.integer_map(2)) == (tuple(numbers), text, options)
    assert table.number(3, Int32Flags) == (numbers[0] if numbers else 0)


@pytest.mark.parametrize(
    ("flags", "dtype"), [(Int64Flags, np.int64), (Float32Flags, np.float32), (Uint8Flags, np.uint8)]
)
def test_reads_numbers_of_the_type_asked_for(flags: Any, dtype: Any) -> None:
    written = np.array([1, 0, 7, 100], dtype)
    builder = flatbuffers.Builder(64)
    vector = builder.CreateNumpyVector(written)
    builder.StartObject(1)
    builder.PrependUOffsetTRelativeSlot(0, vector, 0)
    builder.Finish(builder.EndObject())
    found = File(bytes(builder.Output()), "a file").root().numbers(0, flags)
    assert found == (1, 0, 7, 100)
    assert type(found[0]) is type(written.tolist()[0])


def test_absent_field_is_empty() -> None:
    table = table_of([])
    assert (table.numbers(4), table.string(4), table.integer_map(4), table.tables(4)) == ((), "", {}, [])
    assert (table.table(4), table.number(4, Int32Flags)) == (None, 0)


@pytest.mark.parametrize("value", [{"a": 1.5}, {"a": "text"}, {"a": [1, 2]}, {"a": {"b": 1}}, [1, 2], 7])
def test_refuses_options_that_are_no_map_of_integers(value: object) -> None:
    with pytest.raises(FlatbufferError, match="no map of integers"):
        table_of([], blob=bytes(flexbuffers.Dumps(value))).integer_map(2)


@given(blob=st.binary(min_size=1, max_size=200))
def test_any_bytes_are_a_map_of_integers_or_refused(blob: bytes) -> None:
    try:
        options = table_of([], blob=blob).integer_map(2)
    except FlatbufferError:
        return
    assert all(isinstance(value, int) for value in options.values())


def test_refuses_a_map_of_unlikely_size() -> None:
    with pytest.raises(FlatbufferError, match="4097 bytes"):
        table_of([], blob=bytes(4097)).integer_map(2)


def test_refuses_a_list_of_unlikely_length() -> None:
    with pytest.raises(FlatbufferError, match="65537 numbers"):
        table_of([0] * 65537).numbers(0)
    assert len(table_of([0] * 65537).numbers(0, limit=65537)) == 65537


def test_refuses_vectors_that_overlap_without_end() -> None:
    numbers = [1] * 100
    table = table_of(numbers)
    # The file is a little longer than its vector, and four times its length may be copied.
    for _ in range(4):
        assert table.numbers(0) == tuple(numbers)
    with pytest.raises(FlatbufferError, match="overlap"):
        table.numbers(0)


def test_refuses_one_table_that_is_led_to_without_end() -> None:
    builder = flatbuffers.Builder(64)
    builder.StartObject(20)
    builder.PrependInt32Slot(19, 1, 0)
    table = builder.EndObject()
    builder.StartVector(4, 1000, 4)
    for _ in range(1000):
        builder.PrependUOffsetTRelative(table)
    vector = builder.EndVector()
    builder.StartObject(1)
    builder.PrependUOffsetTRelativeSlot(0, vector, 0)
    builder.Finish(builder.EndObject())
    with pytest.raises(FlatbufferError, match="overlap"):
        File(bytes(builder.Output()), "a file").root().tables(0)


@pytest.mark.parametrize("offset", [2**31, 2**32 - 1, 100])
def test_refuses_a_root_outside_the_file(offset: int) -> None:
    with pytest.raises(FlatbufferError, match="of 8"):
        File(struct.pack("<Ii", offset, 0), "a file").root()


def test_refuses_zeros_as_a_table() -> None:
    """A table at byte 4 whose vtable would be itself, without a size."""
    with pytest.raises(FlatbufferError, match="no table at byte 4"):
        File(struct.pack("<Iii", 4, 0, 0), "a file").root()


def test_refuses_a_vtable_before_the_file() -> None:
    """Python would count a negative position from the end."""
    with pytest.raises(FlatbufferError, match="leads to byte"):
        File(struct.pack("<Iiii", 4, 12, 8, 8), "a file").root()
