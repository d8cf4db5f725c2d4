"""The humans behind the bot: who is free, who waits, what became of a transfer."""
