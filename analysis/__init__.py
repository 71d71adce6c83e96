"""Arrays in, arrays out: what trained networks compute. Nothing here reads files, starts Ray or draws."""
