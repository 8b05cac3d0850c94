"""What operators may ask and do: `/ops`, behind the page `/console`. They are no users of a marketplace."""
