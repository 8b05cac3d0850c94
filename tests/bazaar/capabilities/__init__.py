"""The bazaar's calls of core's capabilities, one file each; each names its `ROUTES`."""
