"""What a classifier sees in a photograph, and how it sees it."""
