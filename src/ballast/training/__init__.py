"""From examples to a trained network."""
