"""What programs and apps of users use: webhooks, actions made offline, broadcasts."""
