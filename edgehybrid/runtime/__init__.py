"""Runs flatbuffers: one module a runtime, in one list (interpreter.py). No TensorFlow for float models."""
