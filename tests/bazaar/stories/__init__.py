"""The story of the bazaar's capabilities, one file each; each names its `MATRIX` and tells its part."""
