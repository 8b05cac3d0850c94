"""Files: forms that bring them, the links by which they are put and got, and how many are under way."""
