"""Tests of training need TensorFlow, which takes seconds to import."""

from __future__ import annotations

from pathlib import Path

import pytest

QUICK = {"test_mining.py", "test_sampler.py"}


def pytest_collection_modifyitems(items):
    """Whatever imports TensorFlow is slow."""
    here = Path(__file__).parent
    for item in items:
        if item.path.parent == here and item.path.name not in QUICK:
            item.add_marker(pytest.mark.slow)
