"""The world behind the ports: stores and system."""
