"""Users, tokens, roles and what they may do."""
