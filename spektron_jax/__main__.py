# PYTHON_ARGCOMPLETE_OK
"""`python -m spektron_jax`: the command `spektron`, see `commands/prompt`."""

import sys

from spektron_jax.commands.prompt.run import main

if __name__ == "__main__":
    sys.exit(main())
