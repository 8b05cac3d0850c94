"""Webhooks: what happens in a marketplace is told to servers of its users, as Standard Webhooks (standardwebhooks.com) says."""

from core.webhooks.deliveries import send
from core.work.rules.webhooks import WebhookRules

__all__ = ["WebhookRules", "send"]
