"""The layers that a Network and a flatbuffer hold, in one form, and whether they agree. No TensorFlow."""
