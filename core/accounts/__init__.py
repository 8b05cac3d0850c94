"""Who somebody is: sign-up, login, sessions, credentials, and their end."""
