"""Tests of hashmatch.hashers."""
