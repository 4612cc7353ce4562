"""Edits of a graph, one a file, in the order in which ``pack`` does them."""
