"""From the outputs of a network to p(y|x), and on to labels."""
