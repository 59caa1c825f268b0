"""Starts the peers and the daemon, waits for what they show, and takes them down again."""
