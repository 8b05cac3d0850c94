"""Servers that behave like those of providers, as far as their documentation tells, and misbehave when they are told to."""
