"""Tests of hashmatch.regulators."""
