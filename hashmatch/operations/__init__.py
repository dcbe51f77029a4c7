"""Operations: first run, demo and health checks, each loaded by itself."""
