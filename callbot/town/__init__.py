"""What this town hall knows."""
