"""How good the labels and probabilities of the test rows are, and how sure that is."""
