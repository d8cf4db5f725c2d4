"""callbot: the voice callbot of a French town hall's switchboard."""
