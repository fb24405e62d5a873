"""Embeddings: texts as the input of networks."""
