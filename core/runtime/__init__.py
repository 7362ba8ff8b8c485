"""What an application may use of this library, and need not: storage, and which replica of what it is.

import orepass.runtime

with orepass.runtime.open("s3://bucket/text.txt") as file:
    ...

It is the only part that applications should import; it loads nothing heavy.
"""

from orepass.runtime.replicas import Replica, replica
from orepass.runtime.storage import copy, exists, listdir, open, touch

__all__ = ["Replica", "copy", "exists", "listdir", "open", "replica", "touch"]
