"""Models on disk: where they lie, how they get there, and how a name becomes a folder. Nothing here touches the network but `pull`."""
