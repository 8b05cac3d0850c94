"""Money: the ledger, in double entry."""
