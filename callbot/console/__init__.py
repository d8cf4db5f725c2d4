"""The console: web pages of the people behind the bot. Its own process: a fault here never touches a call."""
