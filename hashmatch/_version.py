"""Version of hashmatch, which everything else may import."""

__version__ = "0.1.0"
