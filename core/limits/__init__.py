"""Budgets of addresses and users, in memory and in Redis."""
