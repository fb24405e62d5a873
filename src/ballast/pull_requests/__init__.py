"""What stands in a pull request: the comment, and whether its results are up to date."""
