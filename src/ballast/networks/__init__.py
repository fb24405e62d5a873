"""Layers of the networks, and what a trained one computes without Keras."""
