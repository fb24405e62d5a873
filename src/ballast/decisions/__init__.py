"""Decisions: from probabilities to labels, fitted on held-out rows."""
