"""Webhooks, actions made offline, broadcasts and cached answers, at the bazaar."""
