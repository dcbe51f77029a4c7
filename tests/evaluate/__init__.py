"""Tests of hashmatch.evaluate."""
