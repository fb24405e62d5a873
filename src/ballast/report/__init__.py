"""The report: one HTML page that tells everything of a run, without scripts and without network."""
