"""Commands of the `callbot` command line, by trade."""
