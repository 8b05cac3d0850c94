"""What kinds of files there are, and what each purpose accepts."""
