"""Fewer filters in the full-precision parts of a trained network, chosen by what the next layer gets from them."""
