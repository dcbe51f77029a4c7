"""Store: everything that the database holds, by subject.

Callers import a subject (`hashmatch.store.lists`); SQL is written in this room and nowhere else.
"""
