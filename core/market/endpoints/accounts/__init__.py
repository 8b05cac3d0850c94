"""Other ways in than a password: phones, providers, and the API keys of programs."""
