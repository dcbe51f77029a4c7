"""Measurement of recall and false matches, over pictures of the operator's own."""
