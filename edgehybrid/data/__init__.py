"""Where images come from and in which batches: source.py is all that the other stages use."""
