"""Recurra: recurrence equations in, an exactly trained character-level language model out."""

__version__ = "0.1.0"
