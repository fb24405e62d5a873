"""`ballast study`: many strategies on one data set, held against a baseline on held-out rows."""
