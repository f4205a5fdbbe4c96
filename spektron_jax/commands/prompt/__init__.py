"""The command `spektron`: subcommands over the tasks of the config files.

    spektron transfer old.csv new.csv --property Moisture
    python -m spektron_jax transfer old.csv new.csv --property Moisture

Options are the settings of `configs/`, with their defaults and help texts. Nothing but
the standard library is imported for `spektron --help`.
"""
