"""The report: a run's results on one HTML page, without scripts and without network access."""
