"""Nearest-neighbour search: a cache of the truth."""
