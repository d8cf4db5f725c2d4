"""The telephone line: what Asterisk gives and takes."""
