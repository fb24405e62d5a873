"""What is done once: checks, downloads, the demo corpus."""
