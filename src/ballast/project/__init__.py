"""What every stage has: parameters, files, errors for people, progress."""
