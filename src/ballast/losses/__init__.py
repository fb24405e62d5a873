"""Losses: a loss a row from labels and logits, and the way back to probabilities.

Keras is imported inside the functions that compute with it, and named in annotations in quotation
marks: prediction needs a file's `inverse` alone, and importing TensorFlow would take longer than
predicting a hundred thousand texts.
"""
