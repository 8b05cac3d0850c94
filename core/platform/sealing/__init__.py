"""Encryption at rest: sealed values, their keys, and blind indexes. Knows nothing of tables (docs/operate/sealing.md)."""
