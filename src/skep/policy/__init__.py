"""Pure choices: each takes records and returns records, without I/O, clock or chance."""
