"""Ear and voice."""
