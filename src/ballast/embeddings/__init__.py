"""Embeddings: texts and numbers as the network takes them."""
