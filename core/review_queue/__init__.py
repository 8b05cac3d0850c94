"""The review queue: what a person must decide, held by leases and decided by tables. See docs/operate/review-queue.md."""
