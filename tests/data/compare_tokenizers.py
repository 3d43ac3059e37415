#!/usr/bin/env python3
"""Compares the WordPiece tokenizer with the Hugging Face library `tokenizers`, and makes the golden file of its test.

Never a dependency: run it in an environment that is thrown away afterwards.

    tools/fetch_data.sh minilm reviews
    cmake --build build/release --target tokenize_lines
    python3 -m venv ENVIRONMENT && ENVIRONMENT/bin/pip install tokenizers==0.23.3
    ENVIRONMENT/bin/python tests/data/compare_tokenizers.py build/release/tests/data/tokenize_lines data-cache

With --golden as a third argument it writes tests/golden/wordpiece_vocab.txt and wordpiece_ids.txt instead.
"""
import itertools
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import unicodedata

import tokenizers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"
LETTERS = "abcdefghijklmnopqrstuvwxyzABCXYZ"
# Where two libraries are most likely to differ.
CORNERS = (list(range(0x20, 0x17F)) + list(range(0x300, 0x370)) + list(range(0x1E00, 0x2070)) + list(range(0x302A, 0x3030))
           + list(range(0xAC00, 0xAC40)) + list(range(0x3300, 0x3402)) + list(range(0x4DB0, 0x4E08))
           + list(range(0xF900, 0xF910)) + list(range(0x1D15E, 0x1D173)) + list(range(0x8CA, 0x900))
           + list(range(0x10F46, 0x10F59)) + [0x130, 0x3A3, 0x1734, 0x166D, 0x111C9, 0x11935, 0x11930, 0x11938, 0xFFFD, 0x85])

if unicodedata.unidata_version != "14.0.0":
    sys.exit("needs a Python whose unicodedata is of Unicode 14 (3.11), got " + unicodedata.unidata_version)
ASSIGNED = [c for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs")]
CORNERS = [c for c in CORNERS if unicodedata.category(chr(c)) != "Cn"]


def uniform_texts(count, seed):
    """Code points assigned in Unicode 14, all equally likely."""
    draw = random.Random(seed)
    return ["".join(chr(draw.choice(ASSIGNED)) for _ in range(draw.randint(1, 60))) for _ in range(count)]


def corner_texts(count, seed, longest=60):
    """Words of letters, corners of the tables, blanks and few others."""
    draw = random.Random(seed)

    def one():
        kind = draw.random()
        if kind < 0.40:
            return draw.choice(LETTERS)
        if kind < 0.50:
            return " "
        return chr(draw.choice(CORNERS if kind < 0.90 else ASSIGNED))

    return ["".join(one() for _ in range(draw.randint(1, longest))) for _ in range(count)]


def library(vocabulary, clean, chinese, strip, lower):
    """As in a tokenizer.json of BERT, built by hand; `vocabulary` is a list."""
    result = Tokenizer(models.WordPiece({w: i for i, w in enumerate(vocabulary)}, unk_token="[UNK]",
                                        max_input_chars_per_word=100))
    result.normalizer = normalizers.BertNormalizer(clean_text=clean, handle_chinese_chars=chinese, strip_accents=strip,
                                                   lowercase=lower)
    result.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ids = {w: i for i, w in enumerate(vocabulary)}
    result.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    result.add_special_tokens(SPECIAL)
    return result


def flags(clean, chinese, strip, lower):
    return "%d%d%s%d" % (clean, chinese, "-" if strip is None else int(strip), lower)


def ours(program, arguments, texts):
    lines = "".join(t.encode().hex() + "\n" for t in texts)
    output = subprocess.run([program, *arguments], input=lines, stdout=subprocess.PIPE, check=True, text=True).stdout
    return [[int(i) for i in line.split()] for line in output.split("\n")[:-1]]


def differences(name, theirs, mine, texts):
    assert len(theirs) == len(mine) == len(texts)
    wrong = [i for i in range(len(texts)) if theirs[i] != mine[i]]
    print("%-40s %6d texts, %8d ids, %d differ" % (name, len(texts), sum(map(len, theirs)), len(wrong)))
    for i in wrong[:5]:
        print("   ", ascii(texts[i]), theirs[i], mine[i])
    return len(wrong)


def compare(program, data):
    folder = pathlib.Path(data) / "minilm"
    public = Tokenizer.from_file(str(folder / "tokenizer.json"))
    public.no_padding()
    public.no_truncation()
    vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1]
    reviews = (pathlib.Path(data) / "reviews" / "movieReviewSnippets_GroundTruth.txt").read_text(encoding="utf-8")
    sets = {"uniform": uniform_texts(2000, 1), "corners": corner_texts(2000, 2),
            "special": [" ".join(random.Random(i).choices(SPECIAL + ["a", "[cls]", "[MASK]b", "[[SEP]]"], k=9)) for i in range(200)],
            "every code point": ["x" + chr(c) + "y" for c in ASSIGNED],
            "movie reviews": [line.split("\t")[2] for line in reviews.split("\n")[1:]]}
    print("tokenizers", tokenizers.__version__, "Unicode", unicodedata.unidata_version)
    wrong = 0
    for name, texts in sets.items():
        theirs = [e.ids for e in public.encode_batch(texts)]
        wrong += differences(name + ", tokenizer.json", theirs, ours(program, [folder / "tokenizer.json"], texts), texts)
    for settings in itertools.product((True, False), (True, False), (None, True, False), (True, False)):
        other = library(vocabulary, *settings)
        for name in ("uniform", "corners"):
            theirs = [e.ids for e in other.encode_batch(sets[name])]
            mine = ours(program, [folder / "vocab.txt", flags(*settings)], sets[name])
            wrong += differences("%s, vocab.txt, %s" % (name, flags(*settings)), theirs, mine, sets[name])
    # With a token for each character the ids tell the whole text that is left.
    characters = [chr(c) for c in ASSIGNED if c > 0x20 and not chr(c).isspace()]
    vocabulary = SPECIAL + characters + ["##" + c for c in characters]
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="\n") as file:
        file.write("".join(w + "\n" for w in vocabulary))
        file.flush()
        for settings in ((True, True, None, True), (False, True, True, False), (False, False, False, True)):
            other = library(vocabulary, *settings)
            for name in ("uniform", "corners", "every code point"):
                theirs = [e.ids for e in other.encode_batch(sets[name])]
                wrong += differences("%s, characters, %s" % (name, flags(*settings)), theirs,
                                     ours(program, [file.name, flags(*settings)], sets[name]), sets[name])
    return wrong


def golden():
    """A vocabulary of single characters, and some pairs, that the texts hold once they are normalised."""
    texts = corner_texts(70, 3, 20) + [t[:30] for t in uniform_texts(25, 4)]
    texts += ["", " ", "x [SEP] [MASK]y", "b" * 100, "b" * 101, "a\u0301" * 101, "ab" * 60 + " c"]
    choices = [(True, True, None, True), (True, True, None, False), (True, True, False, True), (True, False, True, False),
               (False, True, True, True)]
    words = set()
    for text, settings in itertools.product(texts, choices):
        words.update(word for word, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(
            normalizers.BertNormalizer(*settings[:2], strip_accents=settings[2], lowercase=settings[3]).normalize_str(text)))
    draw = random.Random(5)
    pieces = set(SPECIAL)
    for word in sorted(words):
        for i, c in enumerate(word):
            if ord(c) > 0x20 and not c.isspace() and draw.random() < 0.6:
                pieces.add(("##" if i else "") + c)
        if draw.random() < 0.2 and len(word) > 2 and not any(c.isspace() or ord(c) <= 0x20 for c in word[:3]):
            pieces.add(word[:2])
            pieces.add("##" + word[1:3])
    vocabulary = SPECIAL + sorted(pieces - set(SPECIAL))
    (GOLDEN / "wordpiece_vocab.txt").write_text("".join(w + "\n" for w in vocabulary), encoding="utf-8", newline="\n")
    lines = ["# settings (clean_text, handle_chinese_chars, strip_accents, lowercase), the text's bytes, the ids that the",
             "# library tokenizers %s gives with wordpiece_vocab.txt; written by tests/data/compare_tokenizers.py --golden"
             % tokenizers.__version__]
    for settings in choices:
        other = library(vocabulary, *settings)
        for text in texts:
            lines.append("%s\t%s\t%s" % (flags(*settings), text.encode().hex(), " ".join(map(str, other.encode(text).ids))))
    (GOLDEN / "wordpiece_ids.txt").write_text("\n".join(lines) + "\n", encoding="ascii", newline="\n")
    print(len(vocabulary), "tokens,", len(lines) - 2, "rows")


if __name__ == "__main__":
    if sys.argv[3:] == ["--golden"]:
        golden()
    elif len(sys.argv) == 3:
        sys.exit(1 if compare(sys.argv[1], sys.argv[2]) else 0)
    else:
        sys.exit(__doc__)
