"""The text channel: the same dialogue by HTTP, for web-chat widgets made for Rasa."""
