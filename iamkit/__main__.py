"""Run the command line: `python -m iamkit`."""

from iamkit.cli import main

if __name__ == "__main__":
    main(prog_name="iamkit")
