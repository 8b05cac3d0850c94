"""Payments by providers: intents, refunds, disputes, subscriptions, webhooks, reconciliation. See docs/payments.md."""
