"""`ballast study`: strategies x seeds on one data set, judged on held-out rows."""
