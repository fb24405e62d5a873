"""Decisions: from probabilities to labels, fitted on validation rows."""
