"""What a pull request is told."""
