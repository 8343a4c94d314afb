"""The machine that a process runs on: its memory, its cores, its other processes, what is installed."""
