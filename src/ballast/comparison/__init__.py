"""Two revisions held against each other, row by row: `ballast compare`."""
