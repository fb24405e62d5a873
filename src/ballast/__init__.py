"""Ballast: classify texts or numeric rows whose classes are badly imbalanced."""
