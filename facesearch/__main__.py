"""``python -m facesearch``."""

from facesearch.cli import main

if __name__ == "__main__":
    main()
