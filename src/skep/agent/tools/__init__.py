"""The tools of the roles: plain functions that read a workspace and state what they found."""
