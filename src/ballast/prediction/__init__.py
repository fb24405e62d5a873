"""Labels and probabilities for new rows, from `models/` alone and without TensorFlow."""
