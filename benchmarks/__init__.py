"""The figures that hashmatch is held to, measured side by side with what it is compared with."""
