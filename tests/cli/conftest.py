"""Nothing of these tests stays on the machine, and nothing of its user's reaches them."""

import pytest


@pytest.fixture(autouse=True)
def _own_settings_and_cache(own_settings: None, own_cache: None) -> None:
    """Of the commands that a test starts."""
