"""Samplers: which training rows to use, and how often."""
