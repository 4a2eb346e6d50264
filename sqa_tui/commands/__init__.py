"""The subcommands of sqa-tui, one a file."""
