"""Weightings: how much each class counts in the loss."""
