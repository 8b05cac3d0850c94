"""What operators look at, and the tidying of what nobody can use any more."""
