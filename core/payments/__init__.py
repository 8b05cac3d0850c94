"""Money: the ledger, and payments by providers."""
