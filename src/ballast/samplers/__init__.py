"""Samplers: which training rows to use, how often, and between which to interpolate."""
