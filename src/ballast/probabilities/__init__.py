"""From what a network puts out to p(y|x), and from there to labels."""
