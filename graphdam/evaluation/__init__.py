"""Scores and costs of encoders."""
