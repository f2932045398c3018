"""`python -m sordino` is `sordino`."""

from sordino.cli import main

if __name__ == "__main__":
    main()
