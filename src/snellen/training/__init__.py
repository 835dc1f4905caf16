"""What a network can learn from scratch: recipes, the loop that follows them, and what came of it."""
