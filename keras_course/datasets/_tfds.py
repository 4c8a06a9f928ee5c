"""Reading texts and images through TensorFlow Datasets (TFDS), without waiting for minutes where there is no network.

TFDS looks, in this order, for a set that it prepared earlier, for a file that was put into
`<TFDS_DATA_DIR>/downloads/manual/`, for one in its download cache, and then downloads. Offline it repeats the
last step ten times before it gives up, so one short request asks first whether the address answers.

TFDS and TensorFlow are imported inside functions: nobody needs them who has the file or uses an offline set.
"""

import functools
import http.client
import importlib.util
import os
import pathlib
import sys
import threading
import urllib.request

SECONDS = 5  # how long to wait for an answer before calling the network unreachable


class Unavailable(Exception):
    """TFDS can neither find nor download the set. `tried` lists the paths where it would have been found."""

    def __init__(self, reason, tried):
        super().__init__(reason)
        self.tried = tried


def read_text(row, check):
    """Return the text of a set from TFDS: its splits one after the other.

    Args:
        row: the `Dataset`.
        check: function of a path that raises ValueError for a wrong file; called on a file that TFDS is about to
            prepare, as TFDS itself takes what lies in its download cache without looking.

    Raises:
        Unavailable: it is not there and cannot be downloaded.
    """
    root = pathlib.Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()
    for package in ("tensorflow", "tensorflow_datasets"):
        if importlib.util.find_spec(package) is None:
            raise Unavailable(f"the package {package} is not installed", [])
    builder = _builder(row.name, root)
    if not builder.is_prepared():
        _prepare(builder, row, root, check)
    _hide_gpus()
    parts = [split for split in ("train", "validation", "test") if split in builder.info.splits]
    examples = (next(iter(builder.as_dataset(split=split))) for split in parts)
    return "".join(example["text"].numpy().decode("utf-8") for example in examples)


def read_images(name, split, url):
    """Return (x, y) of one split of an image set from TFDS, uint8 (N, H, W, C) and int32 (N,).

    Raises:
        Unavailable: it is not there and cannot be downloaded.
    """
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download.util import DownloadError

    root = pathlib.Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()
    builder = tfds.builder(name, data_dir=root)
    try:
        if not builder.is_prepared():
            if reason := _unreachable(url):
                raise Unavailable(f"{url} cannot be reached ({reason})", [str(builder.data_path)])
            builder.download_and_prepare()
    except (OSError, DownloadError) as error:
        raise Unavailable(f"TFDS failed with {type(error).__name__}: {error}", [str(builder.data_path)]) from error
    _hide_gpus()
    whole = builder.as_dataset(split=split, batch_size=-1, as_supervised=True)
    x, y = tfds.as_numpy(whole)
    return x, y.astype("int32")


def _prepare(builder, row, root, check):
    """Let TFDS prepare the set, from a file that lies below `root` or from the network."""
    from tensorflow_datasets.core.download import resource
    from tensorflow_datasets.core.download.util import DownloadError

    info = builder.url_infos[row.url]
    manual = root / "downloads" / "manual" / info.filename
    cached = root / "downloads" / row.name / resource.get_dl_fname(row.url, info.checksum)
    tried = [str(builder.data_path), str(manual), str(cached)]
    if manual.is_file():
        check(manual)
    elif resource.is_locally_cached(cached):
        check(cached)
    elif reason := _unreachable(row.url):
        raise Unavailable(f"{row.url} cannot be reached ({reason})", tried)
    _hide_gpus()
    try:
        builder.download_and_prepare()
    except (OSError, DownloadError) as error:
        raise Unavailable(f"TFDS failed with {type(error).__name__}: {error}", tried) from error


def _unreachable(url):
    """Return why an address gives no answer within `SECONDS`, or None where it answers."""
    reasons = [f"no answer within {SECONDS} seconds"]

    def ask():
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=SECONDS):
                reasons[0] = None
        except (OSError, http.client.HTTPException) as error:
            reasons[0] = f"{type(error).__name__}: {error}"

    # The timeout of urlopen does not bound the look-up of the host's name, which can take half a minute.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return reasons[0]


def _hide_gpus():
    """Keep TensorFlow off the GPU, whose memory Keras needs, where Keras runs on something else."""
    if "keras" in sys.modules and "tensorflow" not in sys.modules:
        import tensorflow

        tensorflow.config.set_visible_devices([], "GPU")


def _builder(name, root):
    import tensorflow_datasets as tfds

    if name == "names":
        return _names_class()(data_dir=root)
    return tfds.builder(name, data_dir=root)


@functools.cache  # TFDS refuses to register a name twice
def _names_class():
    """Return the TFDS builder of `names`, which TFDS lacks; `checksums.tsv` holds address and checksum."""
    import tensorflow_datasets as tfds

    class Names(tfds.core.GeneratorBasedBuilder):
        """32,033 first names, one a line, in one example."""

        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            return tfds.core.DatasetInfo(
                builder=self,
                description="32,033 first names, one a line.",
                features=tfds.features.FeaturesDict({"text": tfds.features.Text()}),
                homepage="https://github.com/karpathy/makemore",
            )

        def _split_generators(self, dl_manager):
            (url,) = self.url_infos
            return {"train": self._generate_examples(dl_manager.download(url))}

        def _generate_examples(self, path):
            yield 0, {"text": pathlib.Path(path).read_text(encoding="utf-8")}

    return Names
