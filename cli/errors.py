"""The error of all commands."""


class CommandError(Exception):
    """An error that is printed as one line, without a traceback, before the command exits with code 1."""
