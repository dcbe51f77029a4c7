"""Tests of hashmatch.notices."""
