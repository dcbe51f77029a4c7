"""Tests of hashmatch.store."""
