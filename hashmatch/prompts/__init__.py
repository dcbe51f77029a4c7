"""Prompts: listed terms in what people ask image generators for, in any disguise."""
