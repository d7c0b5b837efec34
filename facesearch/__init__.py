"""A local face search engine."""
