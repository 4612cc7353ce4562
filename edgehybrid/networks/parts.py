"""What the parts of one layer are called where a framework or a file has several operators for it."""


def float_part(layer: str) -> str:
    """The full-precision filters of a split layer."""
    return f"{layer}_float"


def quantised_part(layer: str) -> str:
    """The quantised filters of a split layer."""
    return f"{layer}_quantised"


def plane_part(layer: str, number: int) -> str:
    """The ``number``-th product of bit planes, from 1, of a layer of more than one bit."""
    return f"{layer}_plane{number}"
