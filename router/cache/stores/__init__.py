"""Where answers are kept: in a replica's memory, in a file that the replicas of a node share, or in a Redis that nodes share."""
