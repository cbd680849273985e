"""What the engine asks of the world, as protocols of few methods in our own words."""
