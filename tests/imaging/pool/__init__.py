"""Tests of hashmatch.imaging.pool."""
