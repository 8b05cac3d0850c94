"""What each driver of a payment provider must do, together with all that is above it, while the provider misbehaves."""
