"""Two registries become one: whichever is merged into the other, and however often, the same comes of it."""
