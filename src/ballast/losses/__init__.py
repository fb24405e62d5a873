"""Losses: a loss a row from labels and logits, and its inverse, from outputs to probabilities.

Keras is imported inside the functions that compute with it: prediction needs a file's `inverse`
alone, and importing Keras takes longer than predicting a hundred thousand texts.
"""
