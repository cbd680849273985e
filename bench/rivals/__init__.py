"""One file per rival: how it does each row in its best configuration."""
