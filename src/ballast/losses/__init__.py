"""Losses: a loss a row from labels and logits, and the way back to probabilities."""
