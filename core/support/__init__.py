"""Support: tickets, which are conversations of a customer and an agent, and the queue that they wait in. See docs/support.md."""
