"""Reads .tflite files that may be damaged, with the flatbuffers package, LiteRT's schema and NumPy only."""

from edgehybrid.flatbuffer.reader import parse_flatbuffer, read_flatbuffer
from edgehybrid.flatbuffer.records import ABSENT, Flatbuffer, Op, Subgraph, Tensor

__all__ = ["ABSENT", "Flatbuffer", "Op", "Subgraph", "Tensor", "parse_flatbuffer", "read_flatbuffer"]
