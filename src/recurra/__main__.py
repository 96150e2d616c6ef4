"""``python -m recurra`` and the command ``recurra``: signals are heard before much is loaded."""

from recurra.training.signals import end_at_once


def main() -> None:
    """Run this process's command line."""
    with end_at_once():
        from recurra.cli import main as run

        run()


if __name__ == "__main__":
    main()
