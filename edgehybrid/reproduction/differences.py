"""In which fields two resolved recipes differ, as ``--set`` states them."""

from typing import Any


def differences(plain: dict[str, Any], changed: dict[str, Any], before: str = "") -> list[str]:
    """``key=value`` of each field that another value has; where its images lie makes no other network."""
    found = []
    for key in sorted(plain.keys() | changed.keys()):
        path = f"{before}{key}"
        old, new = plain.get(key), changed.get(key)
        if old == new or path == "data.path":
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            found += differences(old, new, f"{path}.")
        elif key in changed:
            found.append(f"{path}={str(new).lower() if isinstance(new, bool) else new}")
    return found
