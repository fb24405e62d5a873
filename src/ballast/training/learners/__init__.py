"""How a kind of network learns: one file each."""
