"""What everything is made of: ids, the clock, errors, pages, events. Knows nothing but itself."""
