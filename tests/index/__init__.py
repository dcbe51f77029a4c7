"""Tests of hashmatch.index."""
