"""Search in names and texts, in people's own scripts, for all marketplaces: docs/search.md.

What is written and what is asked go through the same functions of the database (schema.sql in this folder), so that triggers, raw
SQL and the version before store the same form as this one asks for.
"""
