"""The one exception that users of the package are meant to see.

Raise `SpektronError` when a person can put the matter right: a wrong setting, a
damaged file, a spectrum that cannot be read. The message is one line that names
the file or field and says what to change; the command line prints that line and
ends with exit code 2. Faults in our own code keep Python's own exceptions.
"""


class SpektronError(Exception):
    """A failure that the user can repair; `str(error)` is one line saying how."""


class InputError(SpektronError, ValueError):
    """An argument that cannot be used; scikit-learn's callers expect a ValueError."""


class SpektronWarning(UserWarning):
    """Something in the user's data that is to be looked at."""
