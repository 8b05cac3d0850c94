"""What a marketplace decides about capabilities of core: a value of its policy for each; none: it has none of it."""
