#!/usr/bin/env python3
"""The schemas accept what sotto writes, refuse everything else that is one change away, and no word of them is idle.

  schemas_test.py SCHEMAS GOLDEN WRITE_SAMPLES

Needs Debian's python3-jsonschema; exits with 77 where it is missing.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

from loosenings import loosened
from mutants import mutants

try:
    from jsonschema import Draft202012Validator, validators
except ImportError:
    print("skipped: no jsonschema 4 for this Python; on Debian: apt-get install python3-jsonschema")
    sys.exit(77)

# Where each format states its version.
VERSION_KEY = {"ledger": "schema", "certificate": "schema", "events": "sotto_events", "anchor": "sotto_anchor",
               "kernel-costs": "format"}


def no_key_twice(members):
    document = dict(members)
    if len(document) != len(members):
        raise ValueError(f"a key twice: {members}")
    return document


def parsed(text):
    return json.loads(text, object_pairs_hook=no_key_twice)


def documents_of(path):
    text = path.read_text()
    documents = [parsed(line) for line in text.splitlines()] if path.suffix == ".jsonl" else [parsed(text)]
    return [(f"{path.parent.name}/{path.name}:{number}", document) for number, document in enumerate(documents, 1)]


def samples(folder, golden):
    """{(format, version): [(name, document)]}; all lines of a ledger are of the version of its first."""
    found = {}
    files = [(path.parent.name, path) for path in sorted(folder.glob("*/*"))]
    files += [("ledger", golden / name) for name in ("ledger-1.jsonl", "ledger-2.jsonl", "ledger-2-releases.jsonl")]
    files += [("certificate", golden / name) for name in ("certificate-1.json", "certificate-2.json")]
    for kind, path in files:
        documents = documents_of(path)
        found.setdefault((kind, documents[0][1][VERSION_KEY[kind]]), []).extend(documents)
    return found


def shape(document):
    """What two documents have in common that no test needs to change both of."""
    if isinstance(document, dict):
        named = {key: value for key, value in document.items() if key in ("record", "type", "kind", "private")}
        return repr((sorted(document), named, [shape(value) for key, value in document.items()
                                               if isinstance(value, (dict, list)) and key not in ("parameters", "files")]))
    if isinstance(document, list):
        return repr(sorted({shape(value) for value in document}))
    return type(document).__name__


class Case:
    """One schema with the documents that it must accept and those that it must refuse."""

    def __init__(self, kind, schema, accepted):
        self.tried = 0  # looser schemas
        self.schema = schema
        self.accepted = accepted
        self.shapes = list({shape(document): (name, document) for name, document in accepted}.values())
        self.refused = [(f"{name}: {what}", mutant) for name, document in self.shapes for what, mutant in mutants(kind, document)]
        self.fired = {}  # (part of the schema, word) that refused something: places in self.refused

    def faults(self):
        """Yields what is wrong, and notes which words refuse what."""
        number = None

        def watched(word, judge):
            def judge_and_note(validator, value, instance, part):
                for error in judge(validator, value, instance, part) or ():
                    if number is not None:
                        self.fired.setdefault((id(part), word), set()).add(number)
                    yield error
            return judge_and_note

        judges = {word: watched(word, judge) for word, judge in Draft202012Validator.VALIDATORS.items()}
        is_valid = validators.extend(Draft202012Validator, judges)(self.schema).is_valid
        for name, document in self.accepted:
            if not is_valid(document):
                yield f"refuses {name}"
        for number, (name, mutant) in enumerate(self.refused):
            if is_valid(mutant):
                yield f"accepts {name}"

    def notices(self, schema, places):
        """Whether a document, or one of the changed ones at these places, tells the schema from the right one.

        Validation ends at the first word that refuses: without another word the answer is the same."""
        is_valid = Draft202012Validator(schema).is_valid
        return (not all(is_valid(document) for _, document in self.shapes)
                or any(is_valid(self.refused[place][1]) for place in places))

    def idle_words(self):
        """Yields what can be left out of the schema without a difference. After faults()."""
        for schema in (True, {}):
            if not self.notices(schema, range(1)):
                yield f"{schema} in its place"
        for what, part, word in loosened(self.schema):
            self.tried += 1
            places = self.fired.get((id(part), word), ())
            likely = f"without {what.split()[-3]}" if what.endswith("is optional") else f"{what.split()[0].split('.')[-1]} = "
            if not self.notices(self.schema, sorted(places, key=lambda place: likely not in self.refused[place][0])):
                yield what


def check_reader_of_events(case, program):
    """What the schema refuses, the reader refuses too: other programs write events for it."""
    documents = [mutant for _, mutant in case.refused] + [document for _, document in case.accepted]
    lines = "".join(json.dumps(document) + "\n" for document in documents)
    answers = subprocess.run([program, "--read-events"], input=lines, capture_output=True, text=True, check=True).stdout.split()
    expected = ["refused"] * len(case.refused) + ["read"] * len(case.accepted)
    names = [name for name, _ in case.refused + case.accepted]
    assert len(answers) == len(expected)
    return [f"the reader of events answers '{answer}' to {name}" for name, answer, right in zip(names, answers, expected)
            if answer != right]


def main():
    schemas, golden, program = map(pathlib.Path, sys.argv[1:])
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([program, scratch, golden / "ledger-1.jsonl"], check=True)
        found = samples(pathlib.Path(scratch), golden)

    faults = []
    newest = {kind: max(version for other, version in found if other == kind) for kind, _ in found}
    expected = {f"{kind}-{version}.json" for kind, last in newest.items() for version in range(1, last + 1)}
    there = {path.name for path in schemas.glob("*.json")}
    faults += [f"no schema {name}" for name in sorted(expected - there)]
    faults += [f"{name} is of no format that is written" for name in sorted(there - expected)]
    faults += [f"no sample for {name}" for name in sorted(expected - {f"{kind}-{version}.json" for kind, version in found})]
    assert set(newest) == set(VERSION_KEY), f"formats without a sample: {set(VERSION_KEY) - set(newest)}"

    for (kind, version), accepted in sorted(found.items()):
        name = f"{kind}-{version}.json"
        if name not in there:
            continue
        schema = parsed((schemas / name).read_text())
        Draft202012Validator.check_schema(schema)
        case = Case(kind, schema, accepted)
        faults += [f"{name} {fault}" for fault in case.faults()]
        faults += [f"{name}: no document shows the difference: {what}" for what in case.idle_words()]
        if kind == "events":
            faults += check_reader_of_events(case, program)
        print(f"{name}: {len(accepted)} documents to accept, {len(case.refused)} to refuse, {case.tried} looser schemas",
              flush=True)
    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
