"""What the tests have in common: the server as a process, the two kinds of clients, and real audio."""
