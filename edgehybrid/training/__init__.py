"""Trains a recipe into a run folder. Importing ``loop`` loads TensorFlow; ``cluster`` and ``meeting`` do not."""
