"""From a data set's files to clean rows."""
