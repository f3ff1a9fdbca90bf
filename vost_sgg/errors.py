"""How an error is said to whoever runs a command."""


def error_text(error: Exception) -> str:
    """The message of ``error`` as it was written; ``str`` of a KeyError puts it in quotes."""
    return str(error.args[0] if isinstance(error, KeyError) and error.args else error)
