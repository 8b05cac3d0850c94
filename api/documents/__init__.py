"""The documents of a marketplace: OpenAPI, AsyncAPI, and the pages that are made of the code."""
