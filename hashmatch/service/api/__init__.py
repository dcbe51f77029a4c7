"""API: routes, with the models of their requests and answers."""
