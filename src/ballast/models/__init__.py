"""Models: networks from tokens or numeric features to logits."""
