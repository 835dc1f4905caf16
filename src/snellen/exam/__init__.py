"""The whole exam: its configuration, its parts in order, and the report they end in."""
