"""Rows → tables, plots, one self-contained HTML page. No TensorFlow."""
