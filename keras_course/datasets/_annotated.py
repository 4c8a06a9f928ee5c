"""Images with annotations: masks of classes, boxes around objects, or both.

Notation: N images of H x W pixels, at most K objects in an image. A box is (x1, y1, x2, y2) in pixels.
"""

import io
import xml.etree.ElementTree as ElementTree
from typing import NamedTuple

import numpy as np

from keras_course.checks import validate, whole, wholes
from keras_course.datasets._dataset import Dataset, Folder, Source
from keras_course.datasets._fetch import fetch

ISBI_TRAINING = 24  # slices
CELLS = ("red cell", "white cell", "platelet")
_XML_NAMES = {"RBC": 0, "WBC": 1, "Platelets": 2}
CELL_SIZE = 480, 640  # height and width of a photo


class AnnotatedImages(NamedTuple):
    """Images with annotations; what a set does not have is None.

    Args:
        images: (N, H, W, C) uint8.
        mask_names: names of the classes of pixels.
        class_names: names of the classes of objects.
        masks: (N, H, W) int32, the class of each pixel.
        objects: (N, H, W) int32, the object that a pixel belongs to: the index of its box plus 1; 0 for none.
        boxes: (N, K, 4) float32; rows of zeros where an image has less than K objects.
        classes: (N, K) int32, the class of each box; -1 where there is no object.
        keypoints: (N, P, 2) float32, positions (x, y) of named points of one object of each image.
        depths: (N, H, W) float32.
        captions: a sentence for each image.
    """

    images: np.ndarray
    mask_names: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    masks: np.ndarray | None = None
    objects: np.ndarray | None = None
    boxes: np.ndarray | None = None
    classes: np.ndarray | None = None
    keypoints: np.ndarray | None = None
    depths: np.ndarray | None = None
    captions: tuple[str, ...] | None = None


def isbi_membrane(*, data_dir=None) -> tuple[AnnotatedImages, AnnotatedImages]:
    """Return slices of a fly's nerve cord under an electron microscope, with the membranes of the cells.

    The 30 slices of 512 x 512 pixels follow each other through the tissue. The first 24 are for training, and the last
    6 are held out, so no test pixel is next to a training pixel of the same slice. Class 1 is the membrane; the
    published masks are inverted, white inside the cells.

    Args:
        data_dir: folder of the files; by default, the one that KERAS_COURSE_DATA names.

    Returns:
        (train, test), with gray images and masks.

    Raises:
        FileNotFoundError: the files are not there.
        ValueError: they differ from the table.

    References:
        An Integrated Micro- and Macroarchitectural Analysis of the Drosophila Brain by Computer-Assisted Serial Section
        Electron Microscopy, Cardona et al., 2010, https://doi.org/10.1371/journal.pbio.1000502

    Example:
        >>> from keras_course import datasets
        >>> datasets.get_dataset("isbi_membrane").size
        '24 + 6 slices of 512 x 512, masks of 2 classes'
    """
    return fetch(_ISBI, data_dir)


@validate(image_shape=wholes(1, 2), max_objects=whole(1))
def bccd(
    *, image_shape: tuple[int, int] = (240, 320), max_objects: int = 32, data_dir=None
) -> tuple[AnnotatedImages, AnnotatedImages]:
    """Return photos of blood smears, with boxes around red cells, white cells and platelets.

    The splits are from its authors: 292 images for training and validation, and 72 for the test. Photos of 480 x
    640 pixels are scaled, and boxes with them. Boxes without an area are left out.

    Args:
        image_shape: (H, W) of the images.
        max_objects: K; the largest boxes of an image are kept.
        data_dir: folder of the files; by default, the one that KERAS_COURSE_DATA names.

    Returns:
        (train, test), with color images, boxes and classes.

    Raises:
        FileNotFoundError: the files are not there.
        ValueError: they differ from the table, or an argument is out of its range.

    References:
        BCCD Dataset, Shenggan, 2017, https://github.com/Shenggan/BCCD_Dataset

    Example:
        >>> from keras_course import datasets
        >>> datasets.get_dataset("bccd").size
        '292 + 72 photos of 480 x 640, boxes of 3 classes'
    """
    files = fetch(_BCCD, data_dir)
    return tuple(_photos(files, part, tuple(image_shape), max_objects) for part in ("trainval", "test"))


def _slices(files):
    """Parse the files `image/K.png` and `label/K.png`."""
    images, labels = (
        np.stack([_image(files[f"{kind}/{k}.png"], "L") for k in range(30)]) for kind in ("image", "label")
    )
    masks = (labels < 128).astype("int32")
    parts = slice(0, ISBI_TRAINING), slice(ISBI_TRAINING, None)
    return tuple(AnnotatedImages(images[part][..., None], ("cell", "membrane"), masks=masks[part]) for part in parts)


def _image(content, mode, shape=None):
    from PIL import Image

    image = Image.open(io.BytesIO(content), formats=["PNG", "JPEG"]).convert(mode)
    return np.asarray(image if shape is None else image.resize(shape[::-1], Image.Resampling.BILINEAR))


def _photos(files, part, shape, max_objects):
    """Parse the images and the XML of VOC that a file `ImageSets/Main/PART.txt` lists."""
    names = files[f"ImageSets/Main/{part}.txt"].decode().split()
    images = np.stack([_image(files[f"JPEGImages/{name}.jpg"], "RGB", shape) for name in names])
    boxes, classes = np.zeros((len(names), max_objects, 4), "float32"), np.full((len(names), max_objects), -1, "int32")
    scale = np.array([shape[1] / CELL_SIZE[1], shape[0] / CELL_SIZE[0]] * 2)
    for row, name in enumerate(names):
        found, kinds = voc_boxes(files[f"Annotations/{name}.xml"], _XML_NAMES)
        largest = np.sort(np.argsort(-np.prod(found[:, 2:] - found[:, :2], axis=1), kind="stable")[:max_objects])
        boxes[row, : len(largest)] = found[largest] * scale
        classes[row, : len(largest)] = kinds[largest]
    return AnnotatedImages(images, class_names=CELLS, boxes=boxes, classes=classes)


def voc_boxes(content: bytes, names: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the boxes (K, 4) and the classes (K,) of an XML file of PASCAL VOC; boxes without area are left out.

    Raises:
        ValueError: the file declares entities, or names a class that `names` does not have.
    """
    if b"<!ENTITY" in content or b"<!DOCTYPE" in content:
        raise ValueError("content declares entities, which annotations of VOC never do")
    boxes, classes = [], []
    for entry in ElementTree.fromstring(content).iter("object"):
        kind = entry.findtext("name")
        if kind not in names:
            raise ValueError(f"content names the class {kind!r}; known are {', '.join(names)}")
        box = [float(entry.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")]
        if box[0] < box[2] and box[1] < box[3]:
            boxes.append(box)
            classes.append(names[kind])
    return np.reshape(boxes, (-1, 4)), np.array(classes, "int32")


_SLICES = Folder(
    path="isbi_membrane",
    parts=("image", "label"),
    num_bytes=6_493_197,
    sha256="28d45a2b75899e732176fcefd086c78a013c4e521bffee6bd3daf1000a994627",
    page="https://github.com/zhixuhao/unet, the folder data/membrane/train",
)
_SMEARS = Folder(
    path="bccd",
    parts=("Annotations", "ImageSets", "JPEGImages"),
    num_bytes=8_800_938,
    sha256="c272e71c8ee5e3de529379c8dfd0f991dba70bca3a0f8bfa5782cc9ddfa59303",
    page="https://github.com/Shenggan/BCCD_Dataset, the folder BCCD",
)

_ISBI = Dataset(
    name="isbi_membrane",
    kind="annotated",
    size="24 + 6 slices of 512 x 512, masks of 2 classes",
    license="not stated; for the ISBI 2012 challenge",
    origin="Cardona et al. 2010, by https://github.com/zhixuhao/unet",
    load=isbi_membrane,
    offline="voronoi_membranes",
    sources=(Source((_SLICES,), _slices),),
)

_BCCD = Dataset(
    name="bccd",
    kind="annotated",
    size="292 + 72 photos of 480 x 640, boxes of 3 classes",
    license="MIT",
    origin="https://github.com/Shenggan/BCCD_Dataset",
    load=bccd,
    offline="shape_scenes",
    sources=(
        Source(
            (_SMEARS,),
            lambda files: files,
        ),
    ),
)

REAL = (_ISBI, _BCCD)
