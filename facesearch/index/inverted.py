"""Approximate search that goes through the codes of the nearest regions only."""

from __future__ import annotations

import math
from typing import ClassVar

from facesearch.index.coded import CodedIndex


class InvertedIndex(CodedIndex):
    """An inverted file over the codes (Jegou, Douze and Schmid 2011): vectors in lists by their nearest centroid."""

    name: ClassVar[str] = "inverted"

    @classmethod
    def _lists(cls, count: int) -> int:
        return max(1, round(math.sqrt(count)))
