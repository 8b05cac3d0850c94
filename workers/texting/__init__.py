"""Text messages on their way out, by SMS and WhatsApp."""
