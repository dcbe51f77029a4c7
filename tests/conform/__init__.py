"""Conformance: whatever a browser shows of a file must be among the pictures that are hashed."""
