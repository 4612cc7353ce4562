"""Trains the model of a recipe into a run folder. Importing ``loop`` loads TensorFlow; ``run_folder`` does not."""
