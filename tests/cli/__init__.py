"""Tests of hashmatch.cli."""
