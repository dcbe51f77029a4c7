"""Tests of hashmatch.reports."""
