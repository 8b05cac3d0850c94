"""Calls about who a user is."""
