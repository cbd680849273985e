"""Skep as a contestant, used as its users use it."""
