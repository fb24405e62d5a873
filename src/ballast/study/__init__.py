"""Many strategies on one data set, held against a baseline: `ballast study`."""
