"""Text messages: which were sent and what became of them, and those to users."""
