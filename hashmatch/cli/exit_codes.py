"""The exit codes of every command: those that scanners use, clear, found and failed."""

EXIT_CLEAR = 0
EXIT_MATCHED = 1
EXIT_UNSCREENED = 2  # or the command failed
