"""For writers of drivers and agents: a clock to turn, chance to repeat, a contract to pass."""
