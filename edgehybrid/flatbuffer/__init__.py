"""Reads .tflite files that may be damaged, with the flatbuffers package and NumPy only."""

from edgehybrid.flatbuffer.reader import ABSENT, Flatbuffer, Op, Tensor, parse_flatbuffer, read_flatbuffer

__all__ = ["ABSENT", "Flatbuffer", "Op", "Tensor", "parse_flatbuffer", "read_flatbuffer"]
