"""Pretrained models of the BERT family: their files, word pieces, layers and vectors of texts."""
