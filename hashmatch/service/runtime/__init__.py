"""Runtime: the state behind the routes, and background tasks."""
