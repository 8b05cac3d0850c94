"""Search in names and texts, in all scripts, for all marketplaces: docs/search.md.

Stored text and queries are normalised by the same database functions (schema.sql in this folder), so that triggers, raw SQL
and the previous version store the form that this one queries.
"""
