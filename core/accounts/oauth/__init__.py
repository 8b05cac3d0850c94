"""Logins by a provider (Google, Apple, Facebook): OpenID Connect and OAuth 2.0 with PKCE."""
