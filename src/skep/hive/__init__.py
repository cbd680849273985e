"""The hive: swarms are registered, planned, released, worked on and settled."""
