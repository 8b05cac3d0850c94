"""The export and the erasure of what is known of a user."""
