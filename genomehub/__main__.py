"""``python -m genomehub``: the same as the ``genomehub`` command."""

from genomehub.cli import main

if __name__ == "__main__":
    main()
