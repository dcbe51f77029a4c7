"""`python -m hashmatch`: the command line."""

from hashmatch.cli.main import main

main()
