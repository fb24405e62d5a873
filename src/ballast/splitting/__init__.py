"""The split itself: which rows are for training, for validation and for testing."""
