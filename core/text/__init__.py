"""Texts that people write: cleaned, bounded, validated, rendered."""
