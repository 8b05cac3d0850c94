"""A call of a marketplace: from its row in the table to its answer."""
