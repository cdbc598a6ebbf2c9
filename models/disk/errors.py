"""
What can be wrong with a model on disk, told to whoever runs the cluster.

    DiskError
    ├── ModelNotOnDisk
    └── PullFailed
"""


class DiskError(Exception):
    """Something about a model's files that the operator can mend; the text says how."""


class ModelNotOnDisk(DiskError):
    """No folder, pulled model or cached hub model of this name is on this machine."""


class PullFailed(DiskError):
    """A model could not be fetched or converted; nothing of the attempt is left in the store."""
