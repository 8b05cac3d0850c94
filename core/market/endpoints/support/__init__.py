"""Calls of support: of customers, of agents, and of those who see to it."""
