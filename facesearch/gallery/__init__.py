"""The gallery: the one place where the parts meet."""
