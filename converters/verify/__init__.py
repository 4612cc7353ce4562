"""Compares a flatbuffer with its Keras model: every layer by itself on the flatbuffer's own inputs, then the logits."""

from converters.verify.agreement import Agreement, verify
from converters.verify.int8 import verify_int8
from converters.verify.integers import verify_integers

__all__ = ["Agreement", "verify", "verify_int8", "verify_integers"]
