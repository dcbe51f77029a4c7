"""Tests of hashmatch.lists."""
