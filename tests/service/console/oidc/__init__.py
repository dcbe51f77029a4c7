"""Signing in by OpenID Connect, at a certified provider and at one that breaks the rules."""
