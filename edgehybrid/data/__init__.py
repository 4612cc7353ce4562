"""Reads data sets: arrays.py as NumPy, pipeline.py as tf.data."""
