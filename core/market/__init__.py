"""The parts of a marketplace, and the endpoints that all marketplaces can share."""
