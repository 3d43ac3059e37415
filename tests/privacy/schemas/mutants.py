"""Documents that no format allows, made of one that it does by one change each.

What is allowed is written down here from the headers that define the formats, and not read from the schemas.
"""
import copy

BEYOND = 2**53 + 1  # kMaxCount is the largest count
COUNT = [-1, 0.5, BEYOND]
POSITIVE_COUNT = [0] + COUNT
SQUARE = [0, -1, 0.5, 2**62 + 1]
NOT_DOUBLES = ["", "1", "1.5", "inf", "nan", "0xinf", "-0x1p+0", "1p+0", "0x2p+0", "0x1p0", "0x1p+00", "0x1p-0", "0x1p+01",
               "0x1.p+0", "0x1.80p+0", "0x1.00000000000001p+0", "0x1.8P+1", "0x1.Ap+0", "0x01p+0", "0x0p-1", "0x0.0p-1022",
               "0x0.8p-1021", "0x0.80p-1022", " 0x1p+0", "0x1p+10000"]
ABOVE_ONE = ["0x1p+1", "0x1.0000000000001p+0", "0x1.fffffffffffffp+1023"]
ZERO = "0x0p+0"
HASH = ["", "0" * 63, "0" * 65, "G" + "0" * 63, "A" * 64]

# By format and key: values of the right type that are not allowed.
REFUSED = {
    "ledger": {
        "dataset_size": POSITIVE_COUNT, "steps": POSITIVE_COUNT, "number": POSITIVE_COUNT, "incarnation": POSITIVE_COUNT,
        "step": COUNT, "release": COUNT, "applied_steps": COUNT, "schema": [0, 3],
        "delta": NOT_DOUBLES + ABOVE_ONE + [ZERO, "0x1p+0"], "sampling_rate": NOT_DOUBLES + ABOVE_ONE,
        "noise_multiplier": NOT_DOUBLES, "squared_norm": SQUARE, "variance": SQUARE, "sensitivity": NOT_DOUBLES + [ZERO], "parameters": ["1.5", "-0x1p+0"],
        "adjacency": ["", "add_remove"], "unit": ["", "user"], "sampler": ["", "shuffle"], "mechanism": ["", "laplace"],
        "count": POSITIVE_COUNT, "evaluations.noise_multiplier": NOT_DOUBLES + [ZERO],
        "stamp": ["not private"], "record": ["", "headers"],
        "noise_key_commitment": HASH, "sampler_key_commitment": HASH, "sha256": HASH, "previous": HASH, "hash": HASH,
        "time": ["", "2026-01-31 23:59:59Z", "2026-01-31T23:59:59", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
                 "2026-01-32T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
                 "2026-01-01T00:00:60Z", "2026-01-31T23:59:59+01:00", "26-01-31T23:59:59Z"],
    },
    "certificate": {
        "schema": [0, 3], "dataset_size_declared": POSITIVE_COUNT, "planned.steps": POSITIVE_COUNT, "executed.steps": COUNT,
        "records": [0, -1, 0.5, 2**63], "sampling_rate": [0, -0.5, 1.5], "delta": [0, -0.5, 1, 1.5], "epsilon": [-0.5],
        "noise_multiplier": [0, -1], "expected_batch_size": [0, -1], "clip_norm": [0, -1], "bound": [0, -1],
        "squared_norm": SQUARE, "variance": SQUARE,
        "adjacency": ["", "add_remove"], "unit": ["", "user"], "sampler": ["", "shuffle"], "mechanism": ["", "laplace"],
        "stamp": ["NOT PRIVATE: "],
        "statement": ["", "Everything is private.", "NOT PRIVATE: . No privacy guarantee may be quoted for this run."],
        "valid_only_if": ["", "always"], "head_hash": HASH, "files": HASH, "law": ["", "geometric"], "mean": [0, -1, 1e7],
        "evaluations.planned": POSITIVE_COUNT, "evaluations.executed": COUNT, "largest_loss": [0, -1],
        "stopped_after_evaluations": POSITIVE_COUNT, "eta": [-1, -2], "gamma": [0, -0.5, 1, 1.5], "candidates": POSITIVE_COUNT,
    },
    "events": {
        "sotto_events": [0, 2], "adjacency": ["", "add_remove"], "kind": ["", "household"], "size": [0, -1, 0.5, 1001],
        "type": ["", "poisson"], "noise_multiplier": [-1], "sampling_rate": [-0.5, 1.5], "batch_size": POSITIVE_COUNT,
        "dataset_size": POSITIVE_COUNT, "largest_batch": POSITIVE_COUNT, "epochs": COUNT, "count": COUNT,
        "standard_deviation": [0, -1], "sensitivities": [-1], "probabilities": [0, -0.5, 1.5], "epsilon": [-1],
        "delta": [-0.5, 1.5],
    },
    "anchor": {"sotto_anchor": [0, 2], "steps": COUNT, "head_hash": HASH},
    "kernel-costs": {
        "format": [0, 2], "threads": [0, 0.5], "matmul": ["", "slow"], "product": [0, 1e25], "record_products": [0, 1e25],
        "gram": [0, 1e25], "bytes": [0, 1e25],
    },
}

# Strings that may be anything but empty, and those that may be empty too.
FREE_TEXT = {
    "ledger": {"run", "name", "version"},
    "certificate": {"sotto_version", "run", "group", "name", "version", "input_scaling", "not_covered", "noise_generator",
                    "key_source", "score"},
    "events": set(), "anchor": {"run"}, "kernel-costs": set(),
}
# Present or not, both are documents: what else must then differ is the statement, which the readers check.
OPTIONAL = {"certificate": {"selection", "evaluations"}, "ledger": {"evaluations"}}
ANY_TEXT = {"kernel-costs": {"processor", "instruction_set", "libtorch", "sotto"}}
# What follows the beginning of these is free.
FREE_ENDING = {"certificate": {"stamp", "statement"}}

# Objects whose keys are names that users choose, with a value that none of them may have.
NAMED = {"ledger": {"parameters": "1.5"}, "certificate": {"parameters": "0.1", "files": "0" * 63}}
NAME_NEEDED = {"certificate": {"parameters", "files"}}

EMPTY_REFUSED = {"not_covered", "sensitivities", "probabilities"}
TOO_MANY = {"sensitivities": 1002, "probabilities": 1002, "costs": 33}


STOPPING = "the stopping time did not depend on the data or on outputs of the run"
STOPPED = "never: the stopping time depended on noisy outputs of the run; the planned figure holds"


def pairs(kind, document):
    """Changes of two values that belong together."""
    if document.get("mechanism") == "gaussian" and kind in ("ledger", "certificate"):
        yield {"squared_norm": 1}
        yield {"variance": 1}
    elif document.get("mechanism") == "discrete_gaussian" and kind == "ledger":
        yield {"noise_multiplier": "0x1p+0"}
    if kind == "certificate" and document["schema"] != 1:
        rule, both = document["weight_rule"], {"gradient_noise_multiplier": 2.0, "count_noise": 25}
        if rule["name"] == "adaptive":
            yield {"weight_rule": {**rule, "name": "flat"}}
            yield {"weight_rule": {**rule, "bound": 0.5}}
            yield {"mechanism": "discrete_gaussian", "squared_norm": 1, "variance": 1}
            for name in rule["parameters"]:
                less = {other: value for other, value in rule["parameters"].items() if other != name}
                yield {"weight_rule": {**rule, "parameters": less}}
        else:
            yield {"adaptive_clipping": both}
            yield {"weight_rule": {**rule, "name": "adaptive"}}
    if kind == "certificate":
        yield {"private": not document["private"]}
        yield {"stamp": "NOT PRIVATE: a seed"} if document["private"] else {"private": True}
        if not document["private"]:
            yield {"statement": document["statement"] + " It is private."}
        if "stopped_after_evaluations" in document:
            yield {"executed": {**document["executed"], "valid_only_if": STOPPING}}
        else:
            yield {"executed": {**document["executed"], "valid_only_if": STOPPED}}
            yield {"stopped_after_evaluations": 1}
            if "evaluations" not in document:
                stopped = {**document["executed"], "valid_only_if": STOPPED}
                yield {"stopped_after_evaluations": 1, "executed": stopped}
        if "selection" in document:
            yield {"evaluations": {"planned": 1, "executed": 1, "noise_multiplier": 2, "largest_loss": 3}}
        yield {"group": "a group"} if document["unit"] == "record" else {"unit": "record"}
        yield {"unit": "group" if document["unit"] == "record" else "record"}
    if kind == "events":
        yield {"unit": {"kind": "group"}}
        yield {"unit": {"kind": "user", "size": 1}}
        laplace = {"type": "laplace", "noise_multiplier": 1}
        yield {"event": {"type": "poisson_sampled", "sampling_rate": 0.5, "mechanism": laplace}}


OTHER_TYPES = {bool: (None, 1, "true"), int: (None, True, "7"), float: (None, True, "7"), str: (None, 7, []),
               list: (None, {}, "x"), dict: (None, [], "x")}


def other_values(kind, path, value):
    """Of the same type. `path`: keys and places from the root."""
    keys = [step for step in path if isinstance(step, str)]
    named = [key for key in keys[:-1] if key in NAMED.get(kind, {})]
    key = named[0] if named else keys[-1]
    refused = REFUSED[kind]
    yield from refused.get(".".join(keys[-2:]), refused.get(key, []))
    if not isinstance(value, str):
        return
    if key in FREE_TEXT[kind]:
        yield ""
    elif key not in ANY_TEXT.get(kind, set()):
        yield "x" + value
        if key not in FREE_ENDING.get(kind, set()):
            yield value + "x"


def nodes(value, path=()):
    """Of a list of plain values the first alone."""
    yield path, value
    if isinstance(value, dict):
        for key, child in value.items():
            yield from nodes(child, path + (key,))
    elif isinstance(value, list):
        for place, child in enumerate(value):
            if place == 0 or isinstance(child, (dict, list)):
                yield from nodes(child, path + (place,))


def with_value(document, path, value):
    if not path:
        return value
    result = copy.deepcopy(document)
    node = result
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return result


def mutants(kind, document):
    """Yields (what was changed, the document that must be refused)."""
    for change in pairs(kind, document):
        yield f"with {change}", {**document, **change}
    for path, value in nodes(document):
        place = ".".join(map(str, path)) or "$"
        for other in OTHER_TYPES[type(value)]:
            yield f"{place} = {other!r}", with_value(document, path, other)
        if isinstance(value, dict):
            key = path[-1] if path else None
            named = NAMED.get(kind, {}).get(key)
            if named is None:
                for name in (name for name in value if name not in OPTIONAL.get(kind, set())):
                    less = {other: child for other, child in value.items() if other != name}
                    yield f"{place} without {name}", with_value(document, path, less)
            yield f"{place} with another key", with_value(document, path, {**value, "another": named})
            if key in NAME_NEEDED.get(kind, set()):
                some = next(iter(value.values()), "0" * 64 if key == "files" else 1)
                yield f"{place} with a nameless value", with_value(document, path, {**value, "": some})
        elif isinstance(value, list):
            if path[-1] in EMPTY_REFUSED:
                yield f"{place} = []", with_value(document, path, [])
            if path[-1] in TOO_MANY and value:
                yield f"{place} too long", with_value(document, path, value[:1] * TOO_MANY[path[-1]])
        else:
            for other in other_values(kind, path, value):
                yield f"{place} = {other!r}", with_value(document, path, other)
