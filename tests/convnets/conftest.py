"""What the tests of lecture 5 share."""

import pytest


@pytest.fixture(autouse=True)
def _drawn_by_numpy(drawn_by_numpy):
    """Its networks have many shapes."""
