"""graphdam."""
