"""Tells a misspelt word from another one."""

TYPO_LETTERS = 4
"""Shorter words are never taken for misspelt ones."""

_TWO_TYPOS_LETTERS = 8


def are_near(a: str, b: str) -> bool:
    """Whether two words begin alike and are one edit apart, or two where both are long."""
    shortest = min(len(a), len(b))
    if shortest < TYPO_LETTERS or a[0] != b[0]:
        return False
    allowed = 2 if shortest >= _TWO_TYPOS_LETTERS else 1
    return abs(len(a) - len(b)) <= allowed and count_edits(a, b) <= allowed


def count_edits(a: str, b: str) -> int:
    """
    How many letters must be changed, added, left out or swapped with their neighbours.

    Source: Damerau, A technique for computer detection and correction of spelling errors (1964), as optimal string alignment.
    """
    two_before: list[int] = []
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        two_before, before, row = before, row, [i]
        for j, other in enumerate(b, 1):
            edits = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                edits = min(edits, two_before[j - 2] + 1)
            row.append(edits)
    return row[-1]
