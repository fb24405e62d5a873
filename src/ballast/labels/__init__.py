"""The classes, and the parts of the split by name."""
