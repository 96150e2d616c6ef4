"""``python -m recurra`` and the command ``recurra``: signals are heard before much is loaded."""

import os

try:  # what is imported takes a while itself
    from recurra.training.signals import end_at_once
except KeyboardInterrupt:
    os.write(2, b"Interrupted.\n")
    os._exit(130)


def main() -> None:
    """Run this process's command line."""
    with end_at_once():
        from recurra.cli import main as run

        run()


if __name__ == "__main__":
    main()
