"""The REST process: the tables of the marketplaces as HTTP calls, their documents, and the page."""
