"""Tests of hashmatch.imaging."""
