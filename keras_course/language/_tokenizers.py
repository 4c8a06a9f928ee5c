"""Reading back a tokenizer whose kind is not known.

Both kinds share `encode(text)` to an int32 array of shape (T,), `decode(ids)`, `vocab_size`, `save(folder)`,
`load(folder)`, `get_config()` and `from_config(config)`.
"""

import os

from keras_course.checks import path as check_path
from keras_course.language import _bpe, _characters
from keras_course.language._bpe import BPETokenizer
from keras_course.language._characters import CharTokenizer


def load_tokenizer(folder: str | os.PathLike) -> CharTokenizer | BPETokenizer:
    """Return the tokenizer that was saved in `folder`, of either kind.

    `vocab.json` with `merges.txt` means byte-pair encoding, `tokenizer.json` alone means characters. (Folders
    of Hugging Face often have all three; their `tokenizer.json` repeats what the other two say.)

    Raises:
        FileNotFoundError: `folder` holds no tokenizer.
        ValueError: its files are malformed, or tokenizers of both kinds were saved there.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> CharTokenizer.train("to be or not to be").save(folder)
        >>> load_tokenizer(folder)
        CharTokenizer(vocab_size=7)
    """
    characters = check_path(folder=folder) / _characters.FILE
    has_characters, has_merges = characters.exists(), (check_path(folder=folder) / _bpe.MERGES_FILE).exists()
    if has_characters and has_merges and _characters.FORMAT in characters.read_text(encoding="utf-8", errors="replace"):
        raise ValueError(f"{folder} holds tokenizers of both kinds; call CharTokenizer.load or BPETokenizer.load.")
    if has_merges:
        return BPETokenizer.load(folder)
    if has_characters:
        return CharTokenizer.load(folder)
    raise FileNotFoundError(
        f"{folder} holds no tokenizer: it must have {_bpe.VOCAB_FILE} and {_bpe.MERGES_FILE}, or {_characters.FILE}."
    )
