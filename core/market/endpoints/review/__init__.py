"""The review queue, for those who decide: users with a role for it, or operators (`StaffCtx`)."""
