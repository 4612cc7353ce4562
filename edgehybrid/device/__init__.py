"""Measures flatbuffers on a device, and says what the measurements tell of others.

transport.py and ssh.py reach a board, board.py asks what it is, installation.py puts the runner there, runner.py
measures, bench.py makes the rows. work.py counts what a network has to do, calibrate.py fits what a unit of it takes,
prediction.py applies that. proxy.py compares devices, adaptation.py learns one from another.
"""
