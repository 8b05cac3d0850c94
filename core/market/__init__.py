"""What a marketplace is made of, and the calls that are nobody's own."""
