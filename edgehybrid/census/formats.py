"""The formats of a flatbuffer's layers, and the processors it is made for.

Imports nothing, so that commands can list them at once.
"""

from typing import Literal, get_args

# packed: 1-bit weights as bits, the rest float32. float32: all weights. int8: all weights and maps.
AskedFormat = Literal["packed", "float32", "int8"]
# packed_int8: packed, with int8 in place of float32, but for the full-precision filters of split layers.
Format = Literal[AskedFormat, "packed_int8"]
FORMATS: tuple[AskedFormat, ...] = get_args(AskedFormat)
INT8_BITS = 8
# Processors that ``convert`` makes flatbuffers for.
Target = Literal["aarch64", "x86_64"]
