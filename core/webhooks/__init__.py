"""Webhooks: what happens in a marketplace is told to servers of its users, as Standard Webhooks (standardwebhooks.com) says."""

from core.webhooks.deliveries import send
from core.webhooks.rules import WebhookRules

__all__ = ["WebhookRules", "send"]
