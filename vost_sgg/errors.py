"""How an error is said to whoever runs a command."""


def error_text(error: Exception) -> str:
    """The message of ``error`` as it was written; ``str`` of a KeyError puts it in quotes."""
    return str(error.args[0] if isinstance(error, KeyError) and error.args else error)


def shown(value: object, letters: int = 80) -> str:
    """The ``repr`` of something that a file says, cut where it is longer than an error message can bear."""
    text = repr(value)
    return text if len(text) <= letters else f"{text[:letters]}... ({len(text):,} characters)"
