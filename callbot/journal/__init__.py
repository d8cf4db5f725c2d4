"""What happened: calls and turns."""
