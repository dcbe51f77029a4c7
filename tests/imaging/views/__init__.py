"""Tests of hashmatch.imaging.views."""
