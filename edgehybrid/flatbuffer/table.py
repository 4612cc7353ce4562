"""Reads the tables of a FlatBuffer that may be damaged. The format: https://flatbuffers.dev/internals.

A FlatBuffer is a web of offsets, and a damaged one can point anywhere. So every access is checked against the
length of the file, and the bytes copied are bounded: a bad file ends in FlatbufferError, soon and
without a large allocation. The reader of the flatbuffers package checks nothing.
"""

import struct
from pathlib import Path
from typing import Any

from flatbuffers import flexbuffers
from flatbuffers.number_types import Int32Flags, SOffsetTFlags, UOffsetTFlags, VOffsetTFlags

from edgehybrid.errors import FlatbufferError

# A vtable begins with its own size and the table's size; then comes the place of each field in the table.
_VTABLE_HEADER_BYTES = 2 * VOffsetTFlags.bytewidth
# In a sound file no two vectors or tables overlap, except where a writer shares equal ones.
_COPIES_ALLOWED = 4
# No tensor has so many axes, no operator so many inputs. As Python integers they take ten times the room.
MAX_NUMBERS = 65536
# The eight options of LceBconv2d, the longest map in use, take about 200 bytes.
_MAX_MAP_BYTES = 4096


class File:
    """The bytes of a file, read with bounds."""

    def __init__(self, data: bytes, source: str | Path) -> None:
        self.data = data
        self._source = source
        self._budget_bytes = _COPIES_ALLOWED * len(data)

    def error(self, problem: str) -> FlatbufferError:
        """The refusal of this file."""
        return FlatbufferError(
            f"The model file is damaged or of an unknown form: {problem}.",
            received=self._source,
            allowed="a whole .tflite file, as a converter wrote it",
            next_step="Convert or copy the model again.",
        )

    def check(self, start: int, size: int) -> None:
        """Refuses bytes outside the file; a negative start would count from its end."""
        if start < 0 or start + size > len(self.data):
            raise self.error(f"an offset leads to byte {start + size} of {len(self.data)}")

    def spend(self, size: int) -> None:
        """Counts bytes that will be read into objects: vectors and tables that overlap must not add up without end."""
        self._budget_bytes -= size
        if self._budget_bytes < 0:
            raise self.error("its vectors or tables overlap")

    def number(self, flags: Any, position: int) -> int:
        """The integer of the type ``flags`` (flatbuffers.number_types) at a byte position."""
        self.check(position, flags.bytewidth)
        return int(flags.packer_type.unpack_from(self.data, position)[0])

    def root(self) -> "Table":
        """The table that the file begins with."""
        return Table(self, self.number(UOffsetTFlags, 0))


class Table:
    """A table. Fields are numbered from 0, in the order of the schema; an absent field is 0 or empty.

    Attributes:
        position: its byte position in the file.
    """

    def __init__(self, file: File, position: int) -> None:
        self.file = file
        self.position = position
        self._vtable = position - file.number(SOffsetTFlags, position)
        self._vtable_bytes = file.number(VOffsetTFlags, self._vtable)
        # Else a run of zeros would read as any number of empty tables.
        if self._vtable_bytes < _VTABLE_HEADER_BYTES:
            raise file.error(f"there is no table at byte {position}")
        # Sound tables share vtables, but are at least about as large; else one table could be led to without end.
        file.spend(self._vtable_bytes)

    def number(self, field: int, flags: Any) -> int:
        """An integer of the type ``flags``."""
        position = self._field(field)
        return 0 if position is None else self.file.number(flags, position)

    def table(self, field: int) -> "Table | None":
        """A table inside this one."""
        target = self._target(field)
        return None if target is None else Table(self.file, target)

    def vector(self, field: int, item_bytes: int) -> tuple[int, int]:
        """Byte position of the first item, and number of items, of a vector; all of it lies in the file."""
        target = self._target(field)
        if target is None:
            return 0, 0
        start, count = target + UOffsetTFlags.bytewidth, self.file.number(UOffsetTFlags, target)
        self.file.check(start, count * item_bytes)
        return start, count

    def numbers(self, field: int, flags: Any = Int32Flags, limit: int = MAX_NUMBERS) -> tuple[Any, ...]:
        """A vector of at most ``limit`` numbers of the type ``flags``."""
        start, count = self.vector(field, flags.bytewidth)
        if count > limit:
            raise self.file.error(f"a list has {count} numbers")
        self.file.spend(count * flags.bytewidth)
        return struct.unpack_from(f"<{count}{flags.packer_type.format[-1]}", self.file.data, start)

    def string(self, field: int) -> str:
        """A string. No encoding is prescribed: what is not UTF-8 becomes a replacement character."""
        start, size = self.vector(field, 1)
        self.file.spend(size)
        return self.file.data[start : start + size].decode(errors="replace")

    def tables(self, field: int) -> list["Table"]:
        """A vector of tables."""
        start, count = self.vector(field, UOffsetTFlags.bytewidth)
        self.file.spend(count * UOffsetTFlags.bytewidth)
        places = range(start, start + count * UOffsetTFlags.bytewidth, UOffsetTFlags.bytewidth)
        return [Table(self.file, place + self.file.number(UOffsetTFlags, place)) for place in places]

    def integer_map(self, field: int) -> dict[str, int]:
        """A vector of bytes that hold a FlexBuffer map of integers; no bytes are the empty map."""
        start, size = self.vector(field, 1)
        if not size:
            return {}
        if size > _MAX_MAP_BYTES:
            raise self.file.error(f"a map of options takes {size} bytes")
        try:
            pairs = flexbuffers.GetRoot(self.file.data[start : start + size]).AsMap
            return {key.AsKey: _integer(value) for key, value in zip(pairs.Keys, pairs.Values, strict=True)}
        # What the flatbuffers package lets through on bytes that are no FlexBuffer.
        except (AssertionError, IndexError, KeyError, TypeError, ValueError, struct.error) as error:
            raise self.file.error(f"the options of an operator are no map of integers: {error!r}") from error

    def _field(self, field: int) -> int | None:
        """Byte position of a field."""
        entry = _VTABLE_HEADER_BYTES + VOffsetTFlags.bytewidth * field
        if entry >= self._vtable_bytes:
            return None
        offset = self.file.number(VOffsetTFlags, self._vtable + entry)
        return self.position + offset if offset else None

    def _target(self, field: int) -> int | None:
        """Byte position of what a field points to; the offset counts from the field itself."""
        position = self._field(field)
        return None if position is None else position + self.file.number(UOffsetTFlags, position)


def _integer(value: Any) -> int:
    # A nested value is refused before it is followed: nesting can be made endless.
    if not (value.IsInt or value.IsBool):
        raise TypeError(f"{value!r} is not an integer")
    return int(value.AsInt)
