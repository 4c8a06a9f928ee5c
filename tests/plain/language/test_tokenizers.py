"""Tokenizers: against the package `tokenizers`, on arbitrary text and bytes, and with broken files."""

import json
import pickle
import pydoc_data.topics
import random
import re
import resource
import time
import unicodedata

import numpy as np
import pytest
import tokenizers

from keras_course.checks.files import atomic_write, atomic_write_all
from keras_course.language import BPETokenizer, CharTokenizer, load_tokenizer
from keras_course.language._bpe import BYTE_TO_CHAR
from keras_course.language._bpe_merges import apply_merges, apply_merges_plainly, learn_merges, learn_merges_plainly
from keras_course.language._bpe_pieces import pattern, split

DOCS = "\n".join(pydoc_data.topics.topics.values())
END = "<|endoftext|>"
SPECIAL = [END, "<|end|>", "<|end|>!"]
SCRIPTS = """Grüße, naïve façade! Ελληνικά; Русский текст: «ёлка».
日本語の文章、漢字とカナ。한국어 문장입니다.
العربية ١٢٣ हिन्दी पाठ ४५६ ไทย עברית שלום ½ Ⅻ ² ③ x² π≈3.14159 e\u0301 o\u0308 ﬁ ǅ ʰ 𝔘𝔫𝔦 𐍈 🙂👩‍👩‍👧‍👦🇩🇪👍🏽
we've I'm they'll he'd don't it's you're 'sudo 'LL ''s l'\u2019s
  two  spaces\tand\ttabs \r\n\n \u3000\x85\xa0\u2028 end  """
CODE = 'def f(x_1, *args):\n    """Doc."""\n\treturn {"a": x_1 ** 2, 0x1F: [1e-5]}  # why?!\n\n\n'
LATIN = random.Random(1).randbytes(3000).decode("latin1")
WILD = {"docs": DOCS[:200_000], "scripts": SCRIPTS * 3, "code": CODE * 3, "latin": LATIN, "empty": ""}


@pytest.fixture(scope="module")
def bpe():
    return BPETokenizer.train(DOCS + SCRIPTS, 900, special_tokens=SPECIAL)


@pytest.fixture(scope="module")
def oracle(bpe, tmp_path_factory):
    """The package's tokenizer with our vocabulary and merges."""
    folder = tmp_path_factory.mktemp("bpe")
    bpe.save(folder)
    theirs = tokenizers.ByteLevelBPETokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    theirs.add_special_tokens(SPECIAL)
    return theirs


def random_text(rng, length):
    """Text of all characters that this Python's Unicode tables know, white space and contractions often."""
    often = [*"'' _aÉ7½!🙂\n\x1c\x85\u3000\u0301", "'s", "'ve", "  "]
    codes = (rng.randrange(0x20000) for _ in range(length))
    known = [chr(code) for code in codes if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co")]
    return "".join(rng.choice([character, rng.choice(often)]) for character in known)


def test_pattern_classifies_every_character_as_unicode_does():
    space = "".join(map(chr, [*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B)]))
    space += "\u2028\u2029\u202f\u205f\u3000"
    classes = {"L": [], "N": [], "other": []}
    for character in map(chr, range(0x110000)):
        if character not in space:
            major = unicodedata.category(character)[0]
            classes[major if major in classes else "other"].append(character)
    for run in (space, *map("".join, classes.values())):
        assert pattern().findall(run) == [run]  # one run of one kind, whatever characters of it meet


def test_pieces_equal_the_package():
    rng = random.Random(0)
    theirs = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    for text in [*WILD.values(), *(random_text(rng, rng.randrange(1, 60)) for _ in range(1500))]:
        ours = ["".join(BYTE_TO_CHAR[byte] for byte in piece) for piece in split(text)]
        assert ours == [piece for piece, _ in theirs.pre_tokenize_str(text)]
        assert b"".join(split(text)) == text.encode()


@pytest.mark.parametrize("name", WILD)
def test_ids_equal_the_package(bpe, oracle, name):
    ids = bpe.encode(WILD[name])
    assert ids.dtype == np.int32
    assert ids.shape == (len(ids),)
    assert ids.tolist() == oracle.encode(WILD[name]).ids
    assert bpe.decode(ids) == WILD[name]


def test_special_tokens_equal_the_package(bpe, oracle):
    text = f"{END}one{END}{END} two <|endof <|end|>text|> <|end|>!{END}"
    ids = bpe.encode(text)
    assert ids.tolist() == oracle.encode(text).ids
    assert (ids == bpe.special_tokens[END]).sum() == 4
    assert bpe.special_tokens == {END: 897, "<|end|>": 898, "<|end|>!": 899}
    assert bpe.decode(ids) == text


@pytest.mark.parametrize(
    ("text", "vocab_size"),
    [
        (DOCS, 1500),
        (SCRIPTS, 5000),  # ends early: no pair is left that occurs twice
        ("".join(random.Random(2).choices("ab \n", k=3000)), 330),  # many ties
        (" ".join("a" * n for n in range(1, 60)) + " abab ababab", 290),  # pairs that overlap themselves
    ],
    ids=["docs", "scripts", "ties", "overlaps"],
)
def test_training_equals_the_package(text, vocab_size, tmp_path):
    theirs = tokenizers.ByteLevelBPETokenizer()
    theirs.train_from_iterator([text], vocab_size=vocab_size, show_progress=False)
    theirs.save_model(str(tmp_path))
    ours = BPETokenizer.train(text, vocab_size)
    assert ours.get_config() == BPETokenizer.load(tmp_path).get_config()
    assert 256 < ours.vocab_size <= vocab_size


def test_fast_merges_equal_the_plain_ones():
    """Also where a pair that a merge makes has a lower rank than that merge, as in a vocabulary of somebody else."""
    rng = random.Random(4)
    for _ in range(200):
        alphabet = [*range(256)]
        rng.shuffle(alphabet)
        pieces = {bytes(rng.choices(b"abc", k=rng.randrange(1, 30))): rng.randrange(1, 4) for _ in range(4)}
        merges = learn_merges(pieces, alphabet, 275)
        assert merges == learn_merges_plainly(pieces, alphabet, 275)
        merges += [(a + b, a) for a, b in merges if (a + b, a) not in merges]
        rng.shuffle(merges)
        ids = {data: i for i, data in enumerate(dict.fromkeys([*map(bytes, zip(range(256))), *map(b"".join, merges)]))}
        ranks = {(ids[a], ids[b]): rank for rank, (a, b) in enumerate(merges)}
        made = [ids[a + b] for a, b in merges]
        for piece in pieces:
            assert apply_merges(piece, ranks, made) == apply_merges_plainly(piece, ranks, made)


def test_text_without_spaces_takes_linear_time():
    letters = "".join(random.Random(0).choices("abcdefgh", k=100_000))
    start = time.process_time()
    tokenizer = BPETokenizer.train(letters, 400)
    assert tokenizer.decode(tokenizer.encode(letters)) == letters
    assert time.process_time() - start < 15  # 1 s; quadratic time is minutes


def test_training_learns_nothing_across_special_tokens():
    assert BPETokenizer.train(f"ab{END}ab{END}" * 9, 300, [END]).merges == [("a", "b")]


def test_any_bytes_round_trip(bpe):
    rng = random.Random(3)
    for data in [
        bytes(range(256)),
        b"",
        b"\xff\xfe ok",
        *(rng.randbytes(rng.randrange(200)) for _ in range(300)),
    ]:
        assert bpe.decode_bytes(bpe.encode_bytes(data)) == data
    half = bpe.encode_bytes("🙂".encode()[:2])
    assert bpe.decode(half) == "\N{REPLACEMENT CHARACTER}"


def test_characters_round_trip():
    tokenizer = CharTokenizer.train(SCRIPTS)
    ids = tokenizer.encode(SCRIPTS)
    assert ids.dtype == np.int32
    assert ids.tolist() == [tokenizer.characters.index(character) for character in SCRIPTS]
    assert tokenizer.decode(ids) == SCRIPTS
    assert tokenizer.vocab_size == len(set(SCRIPTS))
    assert CharTokenizer("ba").encode("ab").tolist() == [1, 0]
    assert tokenizer.encode("").tolist() == []
    assert tokenizer.decode([]) == ""


@pytest.mark.parametrize("copy", ["files", "config", "pickle"])
@pytest.mark.parametrize("kind", ["bpe", "characters"])
def test_copies_are_equal(bpe, kind, copy, tmp_path):
    tokenizer = bpe if kind == "bpe" else CharTokenizer.train(SCRIPTS)
    if copy == "files":
        tokenizer.save(tmp_path / "new" / "folder")
        for path in (tmp_path / "new" / "folder").iterdir():  # an editor may have put a byte-order mark there
            path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        again = load_tokenizer(tmp_path / "new" / "folder")
    elif copy == "config":
        again = type(tokenizer).from_config(json.loads(json.dumps(tokenizer.get_config())))
    else:
        again = pickle.loads(pickle.dumps(tokenizer))
    assert type(again) is type(tokenizer)
    assert again.get_config() == tokenizer.get_config()
    assert again.encode(SCRIPTS).tolist() == tokenizer.encode(SCRIPTS).tolist()


def test_unknown_characters_are_named():
    tokenizer = CharTokenizer("abc")
    with pytest.raises(ValueError, match=r"'d' at 1, 3; '\\xe9' at 4.*Allowed are these 3: 'abc'"):
        tokenizer.encode("adbdé")
    with pytest.raises(ValueError, match=r"'d' at 0, 1, 2, 3, 4 and later.*and 3 other characters"):
        tokenizer.encode("d" * 9 + "efghijk")
    with pytest.raises(ValueError, match=r"'\\ud800' at 1"):
        tokenizer.encode("a\ud800")


@pytest.mark.parametrize("ids", [[3], [-1], [2**32], [[0]], [0.5], 0, [True], ["a"]])
def test_ids_that_are_none(bpe, ids):
    with pytest.raises(ValueError, match=r"^ids"):
        CharTokenizer("abc").decode(ids)
    with pytest.raises(ValueError, match=r"^ids"):
        bpe.decode_bytes([bpe.vocab_size] if ids == [3] else ids)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CharTokenizer(""), "characters=''"),
        (lambda: CharTokenizer("abca"), r"\['a'\] more than once"),
        (lambda: CharTokenizer("a\ud800"), "surrogates not allowed"),
        (lambda: CharTokenizer.train(""), "text is empty"),
        (lambda: BPETokenizer.train("", 300), "text is empty"),
        (lambda: BPETokenizer.train("text", 256, [END]), "vocab_size=256 must be a whole number, at least 257"),
        (lambda: BPETokenizer.train("text", 300.5), "vocab_size=300.5 must be a whole number"),
        (lambda: BPETokenizer.train("text", 300, ["a"]), "'a' must be two or more printable ASCII"),
        (lambda: BPETokenizer.train("text", 300, ["a b"]), "'a b' must be two or more printable"),
        (lambda: BPETokenizer.train("text", 300, [END, END]), "stand there once"),
        (lambda: BPETokenizer.train("text", 300).encode("\ud800"), "surrogates not allowed"),
        (lambda: BPETokenizer({"a": 0}, []), "vocab lacks 255 of the 256 bytes"),
        (lambda: BPETokenizer({"a": 0}, [1]), r"merges=\[1\] must be a list of pairs"),
        (lambda: BPETokenizer.train("text", 300, None), "special_tokens=None must be a list"),
        (lambda: BPETokenizer.train("text", 300).encode_bytes("text"), "data='text' must be bytes"),
        (lambda: CharTokenizer("abc").encode(3), "text=3 must be a string"),
        (lambda: load_tokenizer(3), "folder=3 must be a path"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("vocab.json", lambda text: text[:-5], "vocab.json is not JSON"),
        ("vocab.json", lambda text: "[" * 100_000, "vocab.json is not JSON"),
        ("vocab.json", lambda text: "[1]", "vocab.json must map tokens"),
        ("vocab.json", lambda text: text.replace(": 260", ": 1"), "vocab.json has 262 tokens.*0 to 261"),
        ("vocab.json", lambda text: text.replace('"!"', '"!?"'), "vocab.json lacks 1 of the 256 bytes.*'!'"),
        ("merges.txt", lambda text: text + "zz z\n", "merges.txt, line 8: 'zz' is not in the vocabulary"),
        ("merges.txt", lambda text: text + "a z\n", "merges.txt, line 8: 'az' is not in the vocabulary"),
        ("merges.txt", lambda text: text + "a\n", "merges.txt, line 8: 'a' must be two tokens"),
        ("merges.txt", lambda text: text.replace("merges\n", "merges\n\n"), "merges.txt, line 2: ''"),
        ("merges.txt", lambda text: text[: text[:-1].rindex("\n") + 1], "has 5 merges; its first line says 6"),
        ("merges.txt", lambda text: text[:-1], "does not end with a whole line: it was cut"),
        (
            "merges.txt",  # as somebody else writes it: with no number of merges
            lambda text: text.replace(" - 6 merges", "").removesuffix("Ġ low\ne w\n"),
            "has 4 merges, and none makes 'Ġlow': it was cut.*vocabulary of 262 has 6 merges",
        ),
        ("merges.txt", lambda text: text + text.split("\n")[1], "line 8: .* stands already at .*line 2"),
    ],
)
def test_broken_bpe_files(tmp_path, file, change, message):
    tokenizer = BPETokenizer.train("low low lower lowest newest widest newest", 262)
    tokenizer.save(tmp_path)
    assert len((tmp_path / "merges.txt").read_text(encoding="utf-8").splitlines()) == 7
    (tmp_path / file).write_text(change((tmp_path / file).read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(str(tmp_path)) + ".*" + message):
        load_tokenizer(tmp_path)


def test_merges_without_their_number(tmp_path):
    """As GPT-2's: a special token may be one that two others make."""
    tokenizer = BPETokenizer.train("ab ab <span> <span>", 280, ["<s>", "->"])
    tokenizer.save(tmp_path)
    file = tmp_path / "merges.txt"
    text = file.read_text(encoding="utf-8").replace(f" - {len(tokenizer.merges)} merges", "")
    for content in (text, text[:-1]):
        file.write_text(content, encoding="utf-8")
        assert load_tokenizer(tmp_path).get_config() == tokenizer.get_config()


@pytest.mark.parametrize(
    "content",
    ["{", "[]", "[" * 100_000, '{"format": "x"}', '{"format": "keras_course.CharTokenizer", "characters": 3}', "\xff"],
)
def test_broken_character_file(tmp_path, content):
    (tmp_path / "tokenizer.json").write_text(content, encoding="latin1")
    with pytest.raises(ValueError, match=r"tokenizer\.json does not describe a character tokenizer"):
        load_tokenizer(tmp_path)


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no tokenizer"):
        load_tokenizer(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"tokenizer\.json"):
        CharTokenizer.load(tmp_path)
    BPETokenizer.train("text", 256).save(tmp_path)
    CharTokenizer("abc").save(tmp_path)
    with pytest.raises(ValueError, match="both kinds"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"model": {"type": "BPE"}}')  # as Hugging Face leaves it there
    assert load_tokenizer(tmp_path).vocab_size == 256
    (tmp_path / "vocab.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"vocab\.json"):
        load_tokenizer(tmp_path)


@pytest.fixture
def small_disk():
    """A disk that is full after 2,000 bytes of a file."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    class SmallDisk:
        def __enter__(self):
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))

        def __exit__(self, *_):
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    return SmallDisk()


def test_full_disk_leaves_the_earlier_files(bpe, tmp_path, small_disk):
    earlier = BPETokenizer.train("low low lower lowest newest", 260)
    earlier.save(tmp_path)
    with pytest.raises(OSError, match="too large"), small_disk:
        bpe.save(tmp_path)
    assert BPETokenizer.load(tmp_path).get_config() == earlier.get_config()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["merges.txt", "vocab.json"]


def test_files_that_belong_together_are_replaced_together(tmp_path, small_disk):
    first, second = tmp_path / "first", tmp_path / "second"
    atomic_write(first, "old\r\n")
    with pytest.raises(OSError, match="too large"), small_disk:
        atomic_write_all({first: "new", second: b"x" * 5000})
    assert first.read_bytes() == b"old\r\n"
    assert list(tmp_path.iterdir()) == [first]
    atomic_write_all({first: "neü", second: b"\xff"})
    assert (first.read_bytes(), second.read_bytes()) == ("neü".encode(), b"\xff")
