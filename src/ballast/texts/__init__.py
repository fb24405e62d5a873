"""From texts to tokens and terms."""
