"""Hybrid binary networks: from a YAML recipe to a measured row on an ARM board."""

from importlib.metadata import version

__version__ = version("edgehybrid")
