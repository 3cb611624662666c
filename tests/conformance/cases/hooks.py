"""Hooks of each stage: what they see, failing, hanging, missing."""
from matrix import Case

STAGES = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")


def hook(stage, behaviour="", **more):
    """The witness as a hook of that stage; a startContainer hook is the container's own file."""
    inside = stage == "startContainer"
    args = ["witness", "hook", stage, "/hooks" if inside else "@CASE@/hooks"]
    return {"path": "/witness" if inside else "@WITNESS@",
            "args": args + ([behaviour] if behaviour else [])} | more


CASES = [
    Case(f"a hook of stage {stage}", {f"hooks/{stage}": [hook(stage)]}) for stage in STAGES
] + [
    Case(f"a failing hook of stage {stage}", {f"hooks/{stage}": [hook(stage, "fail"), hook(stage)]},
         ("quiet",))
    for stage in STAGES
] + [
    Case(f"a missing hook of stage {stage}",
         {f"hooks/{stage}": [hook(stage, path="/nothing-here")]}, ("quiet",)) for stage in STAGES
] + [
    Case(f"a hook of stage {stage} that takes too long",
         {f"hooks/{stage}": [hook(stage, "hang", timeout=1)]}, ("quiet",))
    for stage in STAGES
] + [
    Case("hooks of all stages run in their order",
         {f"hooks/{stage}": [hook(stage), hook(stage)] for stage in STAGES}, ("quiet",)),
    Case("a hook gets its own environment", {"hooks/createRuntime": [hook("createRuntime", env=["HOOK=yes"])]}),
    Case("a hook with enough time", {"hooks/createRuntime": [hook("createRuntime", timeout=30)]}, ("quiet",)),
    Case("a timeout of zero is refused or none",
         {"hooks/createRuntime": [hook("createRuntime", timeout=0)]}, ("quiet",)),
    Case("a hook with a relative path is refused or not found",
         {"hooks/createRuntime": [hook("createRuntime", path="witness")]}, ("quiet",)),
    Case("a hook sees the annotations",
         {"hooks/createRuntime": [hook("createRuntime")], "annotations": {"org.example.key": "value"}}, ("quiet",)),
    Case("an unknown stage is ignored", {"hooks/afterDinner": [hook("afterDinner")]}, ("quiet",)),
    Case("empty hooks", {"hooks": {}}, ("quiet",)),
]
