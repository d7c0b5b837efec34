"""The gallery's database: the truth."""
