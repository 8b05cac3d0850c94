"""What a user is notified of: in the list, by mail, by push."""
