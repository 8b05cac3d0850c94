"""Untrusted pictures: their structure is read and bounded, then each is decoded in a separate process.

Few imports, because that process is started for each picture and imports this package only.
"""
