"""The review queue: leases, decisions, who may decide, and what lands in it."""
