"""Evaluation: how well the bot understands, measured with the very code a call runs."""
