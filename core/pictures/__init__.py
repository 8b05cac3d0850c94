"""Pictures of strangers: their structure is read and bounded, then they are decoded in a process of their own.

Light on imports, because that process is started for each picture and imports only what is in this package.
"""
