"""Pages for people: HTML files that hold all they need, pictures too, and work from the file system."""

from __future__ import annotations
