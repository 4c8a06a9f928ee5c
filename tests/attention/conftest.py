"""What the tests of lecture 7 share: models are initialized and called the quick way."""

import pytest


@pytest.fixture(autouse=True)
def quick(drawn_by_numpy, called_at_once):
    """No test here is about how an initializer samples, or about an eager call; tests/contract checks both."""
