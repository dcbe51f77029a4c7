"""Tests of hashmatch.imaging.decoding."""
