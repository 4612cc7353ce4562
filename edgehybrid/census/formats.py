"""The formats that a flatbuffer's layers can have. Imports nothing, so that commands can list them at once."""

from typing import Literal, get_args

# packed: 1-bit weights as bits, the rest float32. float32: all weights. int8: all weights and maps.
Format = Literal["packed", "float32", "int8"]
FORMATS: tuple[Format, ...] = get_args(Format)
# What ``convert`` makes. Files of the others come from elsewhere.
CONVERTED_FORMATS: tuple[Format, ...] = ("packed", "float32")
INT8_BITS = 8
