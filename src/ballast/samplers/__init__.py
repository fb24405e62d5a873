"""Samplers: which training rows to use, how often, and what to put between them."""
