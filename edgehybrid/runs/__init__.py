"""The files of a run: what training and conversion leave for later stages. No TensorFlow."""
