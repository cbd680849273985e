"""Skep: a durable home for fleets of AI-agent swarms."""
