"""Tests of the evaluation of matching."""
