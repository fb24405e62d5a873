"""The split itself: which row is trained on, and which one judges."""
