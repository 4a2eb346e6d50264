"""What a run is on disk: specification, events, state, lock, control, launch, queue."""
