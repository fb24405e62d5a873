"""Pretrained encoders of the BERT family, in NumPy."""
