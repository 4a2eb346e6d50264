"""Programs that talk to other people's servers, each in a process of its own, and how they are called."""
