"""Turning face crops into unit vectors."""
