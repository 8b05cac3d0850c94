"""The error of all commands."""


class CommandError(Exception):
    """Something that the user is told in one line, without a traceback, before the command ends with exit code 1."""
