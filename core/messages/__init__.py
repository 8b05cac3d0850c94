"""What is said in conversations: sending, editing, reactions, reading, history, search, sync."""
