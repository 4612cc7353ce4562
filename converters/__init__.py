"""Run folder → verified flatbuffer. The order of the steps is in pipeline.py."""
