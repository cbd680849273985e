"""One agent at work on one task: roles, tools, the workspace, the journal and the loop."""
