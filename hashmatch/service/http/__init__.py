"""HTTP layer: authentication, admission, bodies and problem documents."""
