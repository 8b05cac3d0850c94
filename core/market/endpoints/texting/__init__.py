"""Calls about text messages."""
