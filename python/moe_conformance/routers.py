"""Which routers there are: what cannot be had, or has no use, is refused with its code (docs/routers.md)."""

import math

import numpy as np

from .errors import Refusal

DEFAULTS = {
    "scoringFunc": "softmax",
    "selection": "topk",
    "nGroup": 1,
    "topkGroup": None,
    "groupScoreFunc": None,
    "normTopkProb": False,
    "normEps": 0,
    "routedScalingFactor": 1,
    "applyRouterWeightOnInput": False,
    "jitterEps": 0,
    "expertCapacity": None,
    "dropPolicy": "position",
    "normBeforeDrop": False,
    "zeroExperts": None,
}
_MEMBERS = {
    "scoringFunc": ("softmax", "sigmoid", "sqrtsoftplus", "none"),
    "selection": ("topk", "sparsemixer", "one_per_group"),
    "groupScoreFunc": ("max", "top2_sum"),
    "dropPolicy": ("position", "probs"),
}
_COUNTS = ("nGroup", "topkGroup", "expertCapacity")
_FLOATS = ("normEps", "routedScalingFactor", "jitterEps")
_BOOLEANS = ("normTopkProb", "applyRouterWeightOnInput", "normBeforeDrop")
#: What has no use beside sparsemixer.
_NOT_WITH_SPARSEMIXER = (
    *(name for name in DEFAULTS if name not in ("selection", "jitterEps")),
    *("eScoreCorrectionBias", "perExpertScale", "globalScale", "sharedLogits", "expertIds"),
)


def check_router(router, tensors, num_experts):
    """Refuses a router that cannot be had.

    :param tensors: the names of the tensors beside it
    :raises Refusal: INVALID_ARGUMENT, INVALID_ROUTER, INVALID_TOP_K, EXPERTS_NOT_DIVISIBLE
    """
    _check_values(router)
    options = {**DEFAULTS, **router}
    _check_groups(options)
    _check_uses(options, tensors)
    _check_experts(options, num_experts)


def _check_values(router):
    if not isinstance(router, dict):
        raise Refusal("INVALID_ARGUMENT", f"router: expected an object, found {router!r}")
    for name, value in router.items():
        if name in _MEMBERS:
            good = value in _MEMBERS[name]
        elif name in _COUNTS:
            good = _is_count(value)
        elif name in _FLOATS:
            good = _is_float(value) and (name != "jitterEps" or value >= 0)
        elif name in _BOOLEANS:
            good = isinstance(value, bool)
        elif name == "zeroExperts":
            good = isinstance(value, dict) and set(value) <= {"count", "kind"} and _is_count(value.get("count"))
            good = good and value.get("kind") in ("identity", "skip")
        else:
            good = name == "topK"
        if not good:
            raise Refusal("INVALID_ARGUMENT", f"router.{name}: {value!r} is not one of its values")


def _is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_float(value):
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    with np.errstate(over="ignore"):
        return math.isfinite(np.float32(value))


def _check_groups(options):
    groups, kept = options["nGroup"], options["topkGroup"] or options["nGroup"]
    if kept > groups:
        raise Refusal("INVALID_ROUTER", f"router.topkGroup: {kept} of {groups} groups")
    if kept < groups and options["groupScoreFunc"] is None:
        raise Refusal("INVALID_ROUTER", "router.groupScoreFunc: some groups are not kept")
    if options["selection"] == "sparsemixer" and options["topK"] != 2:
        raise Refusal("INVALID_TOP_K", f"router.topK: expected 2 with sparsemixer, found {options['topK']}")


def _check_uses(options, tensors):
    """Whoever says what has no use means something else."""
    said = {name for name in DEFAULTS if options[name] != DEFAULTS[name]} | set(tensors)
    selection, norm = options["selection"], options["normTopkProb"]
    ranked = selection == "topk" and "expertIds" not in tensors
    identity = options["zeroExperts"] is not None and options["zeroExperts"]["kind"] == "identity"
    uses = [
        ("eScoreCorrectionBias", ranked),
        ("nGroup", ranked),
        ("expertIds", selection == "topk"),
        ("sharedLogits", norm and options["scoringFunc"] != "softmax"),
        ("jitterEps", selection == "sparsemixer"),
        ("normEps", norm),
        ("dropPolicy", options["expertCapacity"] is not None),
        ("normBeforeDrop", norm and options["expertCapacity"] is not None),
        ("applyRouterWeightOnInput", not identity),
        *((name, selection != "sparsemixer") for name in _NOT_WITH_SPARSEMIXER),
    ]
    for name, useful in uses:
        if name in said and not useful:
            raise Refusal("INVALID_ROUTER", f"{name} has no effect here")


def _check_experts(options, num_experts):
    top_k, groups, zero = options.get("topK"), options["nGroup"], options["zeroExperts"]
    if not _is_count(top_k) or top_k > num_experts:
        raise Refusal("INVALID_TOP_K", f"router.topK: expected 1 to {num_experts}, found {top_k!r}")
    divisor = top_k if options["selection"] == "one_per_group" else groups
    if num_experts % divisor:
        raise Refusal("EXPERTS_NOT_DIVISIBLE", f"{divisor} groups of {num_experts} experts")
    if zero is not None and zero["count"] >= num_experts:
        raise Refusal("INVALID_ROUTER", f"router.zeroExperts.count: all {num_experts} experts")
    kept = num_experts // groups * (options["topkGroup"] or groups)
    if top_k > kept:
        raise Refusal("INVALID_TOP_K", f"router.topK: {top_k} of the {kept} experts of kept groups")
