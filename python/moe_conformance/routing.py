"""routeTokens as the contract defines it (docs/semantics.md), to the bit, for all tokens at once."""

import numpy as np

from .dtypes import clean
from .scores import sigmoid, softmax, sqrtsoftplus

F32 = np.float32


def route(call):
    """The experts of each token and their weights.

    :param call: of routeTokens or moeDispatch, its router valid
    :returns: topKIndices [T, K] int32 and expertScalesFloat [T, K] float32
    """
    with np.errstate(all="ignore"):
        logits = clean(call.floats("gatingOutput"))
        experts, weights = _choose(call, logits)
        dropped = _drop(call, logits, experts)
        if call.router.get("normTopkProb", False):
            weights = _normalise(call, weights, experts, dropped)
        return _finish(call, weights, experts, dropped, logits.shape[1])


def _scores(call, logits):
    """The score of every expert, without a bias."""
    functions = {"softmax": softmax, "sigmoid": sigmoid, "sqrtsoftplus": sqrtsoftplus, "none": lambda values: values}
    return functions[call.router.get("scoringFunc", "softmax")](logits)


def _scores_of(call, logits, experts):
    """The scores of the chosen experts: [T, K]."""
    if call.router.get("scoringFunc", "softmax") == "softmax":
        return softmax(logits, experts)
    return _scores(call, np.take_along_axis(logits, experts, 1))


def _choose(call, logits):
    """[T, K] experts, -1 where a choice goes nowhere, and the scores of the choices."""
    tokens, num_experts = logits.shape
    top_k = call.router["topK"]
    if "expertIds" in call:
        experts = call["expertIds"].astype(np.int64)
        experts = np.where((experts >= 0) & (experts < num_experts), experts, -1)
    elif call.router.get("selection") == "sparsemixer":
        experts, weights = _sparsemixer(logits, F32(call.router.get("jitterEps", 0)))
    elif call.router.get("selection") == "one_per_group":
        experts, weights = _one_per_group(logits, top_k)
    else:
        experts = _ranked(call, logits)[:, :top_k]
    if call.router.get("selection", "topk") == "topk":
        weights = _scores_of(call, logits, np.maximum(experts, 0))
    if "tokenMask" in call:
        experts = np.where(call["tokenMask"][:, None] == 0, -1, experts)
    return experts, np.where(experts < 0, F32(0), weights)


def best_first(values):
    """Places by value, larger first; of equal values, and of -0 and +0, the lower place."""
    return np.argsort(-values, axis=-1, kind="stable")


def choice_values(call, logits):
    """What experts are ranked by: [T, E]."""
    if "eScoreCorrectionBias" not in call:
        return logits
    return clean(_scores(call, logits) + clean(call["eScoreCorrectionBias"]))


def _ranked(call, logits):
    """All experts, best first; those of groups that are not kept come last."""
    values = choice_values(call, logits)
    groups = call.router.get("nGroup", 1)
    kept = call.router.get("topkGroup", groups)
    if kept == groups:
        return best_first(values)
    shape = (len(values), groups, values.shape[1] // groups)
    if call.router["groupScoreFunc"] == "max":
        group_scores = values.reshape(shape).max(axis=-1)
    else:
        # What is added are scores, even where experts are ranked by logit.
        summed = values if "eScoreCorrectionBias" in call else _scores(call, logits)
        members = -np.sort(-summed.reshape(shape), axis=-1)
        group_scores = members[..., 0] if members.shape[-1] == 1 else members[..., 0] + members[..., 1]
    is_kept = np.zeros(group_scores.shape, bool)
    np.put_along_axis(is_kept, best_first(group_scores)[:, :kept], True, 1)
    return best_first(np.where(is_kept[..., None], values.reshape(shape), -np.inf).reshape(values.shape))


def _one_per_group(logits, groups):
    """The best expert of each group, with a softmax over that group."""
    tokens, num_experts = logits.shape
    members = logits.reshape(tokens, groups, num_experts // groups)
    best = best_first(members)[..., :1]
    experts = best[..., 0] + np.arange(groups) * members.shape[-1]
    return experts, softmax(members, best)[..., 0]


def _sparsemixer(logits, jitter):
    """Two choices, each with a softmax over the experts that are near enough to it."""
    limit = F32(2) * jitter
    others = np.ones(logits.shape, bool)
    experts, weights = [], []
    for _ in range(2):
        expert = best_first(np.where(others, logits, -np.inf))[:, :1]
        top = np.take_along_axis(logits, expert, 1)
        far = (top - logits) / np.maximum(np.abs(logits), top) > limit
        experts.append(expert)
        weights.append(softmax(logits, expert, others & ~far))
        np.put_along_axis(others, expert, False, 1)
    return np.concatenate(experts, 1), np.concatenate(weights, 1)


def _drop(call, logits, experts):
    """Which choices are beyond the capacity of their experts: all first ones queue, then all second ones."""
    capacity = call.router.get("expertCapacity", 0)
    if capacity == 0:
        return np.zeros(experts.shape, bool)
    order = np.arange(len(experts))
    if call.router.get("dropPolicy") == "probs":
        order = best_first(_scores(call, logits).max(axis=1, initial=-np.inf))
    queue = experts[order].T.ravel()
    by_expert = np.argsort(queue, kind="stable")
    sorted_experts = queue[by_expert]
    place = np.empty(len(queue), np.int64)
    place[by_expert] = np.arange(len(queue)) - np.searchsorted(sorted_experts, sorted_experts)
    dropped = np.empty(experts.shape, bool)
    dropped[order] = (place >= capacity).reshape(experts.shape[::-1]).T
    return dropped & (experts >= 0)


def _normalise(call, weights, experts, dropped):
    counted = experts >= 0
    if not call.router.get("normBeforeDrop", False):
        counted &= ~dropped
    total = np.zeros(len(weights), F32)
    for k in range(weights.shape[1]):
        total += np.where(counted[:, k], weights[:, k], F32(0))
    if "sharedLogits" in call:
        for score in _scores(call, clean(call["sharedLogits"])).T:
            total += score
    total += F32(call.router.get("normEps", 0))
    return np.where(total[:, None] == 0, F32(0), weights / total[:, None])


def _finish(call, weights, experts, dropped, num_experts):
    """Factors, and the choices that go nowhere in the end."""
    weights = weights * F32(call.router.get("routedScalingFactor", 1))
    if "perExpertScale" in call:
        weights = weights * call["perExpertScale"][np.maximum(experts, 0)]
    if "globalScale" in call:
        weights = weights * call["globalScale"][0]
    experts = np.where(dropped, -1, experts)
    zero = call.router.get("zeroExperts")
    if zero and zero["kind"] == "skip":
        experts = np.where(experts >= num_experts - zero["count"], -1, experts)
    return experts.astype(np.int32), np.where(experts < 0, F32(0), weights).astype(F32)
