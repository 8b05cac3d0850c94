"""The worker process: mails and notifications."""
