"""The SQL of what only OnSwift has, by area."""
