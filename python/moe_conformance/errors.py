"""Refusals, with the codes of docs/errors.md."""


class Refusal(Exception):
    """An implementation refuses a call. The code says why: UNSUPPORTED_OPERATION for what it does not do."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def unsupported(what):
    """What to raise for a router or an option that the implementation does not have."""
    return Refusal("UNSUPPORTED_OPERATION", f"{what} is not implemented")
