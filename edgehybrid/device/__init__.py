"""Measures flatbuffers on a device: session.py runs there, board.py describes it, bench.py makes the row."""
