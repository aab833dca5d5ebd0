"""`python -m graphdam` is `graphdam`."""

from graphdam.cli.main import main

if __name__ == "__main__":
    main()
