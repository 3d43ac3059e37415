"""Schemas that demand less than one does, by one word each: a test of schemas must notice every one of them."""

SUBSCHEMA = {"additionalProperties", "propertyNames", "items", "if", "then", "else"}
SUBSCHEMAS = {"properties", "$defs"}  # by name
SUBSCHEMA_LISTS = {"oneOf", "allOf"}
LIMITS = {"type", "const", "enum", "pattern", "minLength", "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum",
          "minItems", "maxItems", "$ref"}
SAID = {"$schema", "title", "$comment"}  # demand nothing
JUDGED_BY = {"then": "if", "else": "if"}


def without(part, word):
    return {other: value for other, value in part.items() if other != word}


def replacements(part, place):
    """Yields (what is left out, word that judges it, the part that demands less) of one part, not of those in it."""
    for word, value in part.items():
        if word in LIMITS | SUBSCHEMA:
            yield f"without {word}", JUDGED_BY.get(word, word), without(part, word)
        if word == "pattern":
            yield "with another beginning", word, {**part, word: value[1:]}
            if value.endswith("$"):
                yield "with another ending", word, {**part, word: value[:-1]}
        elif word == "required":
            for name in value:
                yield f"where {name} is optional", word, {**part, word: [other for other in value if other != name]}
        elif word == "properties":
            for name in [name for name, child in value.items() if child is False]:
                yield f"with {name}", word, {**part, word: without(value, name)}
        elif word not in LIMITS | SUBSCHEMA | SUBSCHEMAS | SUBSCHEMA_LISTS | SAID:
            raise ValueError(f"{place}: '{word}', which this test does not know")


def parts(schema, place="$"):
    """Yields (place, object) of a schema and of all schemas in it."""
    if isinstance(schema, bool):
        return
    yield place, schema
    for word, value in schema.items():
        if word in SUBSCHEMA:
            yield from parts(value, f"{place}.{word}")
        elif word in SUBSCHEMAS:
            for name, child in value.items():
                yield from parts(child, f"{place}.{word}.{name}")
        elif word in SUBSCHEMA_LISTS:
            for number, child in enumerate(value):
                yield from parts(child, f"{place}.{word}[{number}]")


def loosened(schema):
    """Loosens the schema in place, by one word at a time, and puts it back.

    Yields (what is left out, the part that it is left out of, the word that judges there)."""
    for place, part in list(parts(schema)):
        saved = dict(part)
        for what, word, looser in list(replacements(saved, place)):
            part.clear()
            part.update(looser)
            yield f"{place} {what}", part, word
            part.clear()
            part.update(saved)
