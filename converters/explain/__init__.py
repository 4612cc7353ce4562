"""A flatbuffer, of this project or not → what is packed in it, what is not and why, and where its bytes and MACs are.

``explanation.py`` begins: rows of operators, reasons, sizes, float work; then a summary. Reads the file only.
"""
