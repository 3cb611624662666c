"""What must not be asked of every runtime, because the machine that runs the tests would suffer."""
from matrix import Case

CASES = [
    # crun 1.8.1 takes it for the root of the tree, and kills all that is in there when the container ends.
    Case("an empty cgroupsPath is none", {"linux/cgroupsPath": ""}, spares=("crun",)),
    Case("a cgroupsPath that climbs out stays inside", {"linux/cgroupsPath": "/../../conformance/@ID@"},
         spares=("crun",)),
]
