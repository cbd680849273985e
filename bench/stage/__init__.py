"""What every contestant's process shares; the standard library only, for it runs in all of them."""
