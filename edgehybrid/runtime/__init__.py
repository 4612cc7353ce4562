"""Runs flatbuffers. No TensorFlow for float models."""
