"""A small Action Genome in the official schema, made here: one video a quirk.

Coordinates are multiples of 1/4, so that xywh and xyxy convert without rounding.
"""

import json
import pickle
from pathlib import Path

import numpy as np

OBJECTS = (
    "person bag bed blanket book box broom chair closet/cabinet clothes cup/glass/bottle dish door doorknob doorway "
    "floor food groceries laptop light medicine mirror paper/notebook phone/camera picture pillow refrigerator "
    "sandwich shelf shoe sofa/couch table television towel vacuum window"
).split()
PREDICATES = (
    "looking_at not_looking_at unsure above beneath in_front_of behind on_the_side_of in carrying covered_by "
    "drinking_from eating have_it_on_the_back holding leaning_on lying_on not_contacting other_relationship "
    "sitting_on standing_on touching twisting wearing wiping writing_on"
).split()


def person(size, *boxes):
    """A record of person_bbox.pkl; ``boxes`` are xyxy."""
    n = len(boxes)
    return {
        "bbox": np.array(boxes, np.float32).reshape(n, 4),
        "bbox_score": np.linspace(0.99, 0.5, n).astype(np.float32),
        "bbox_size": size,
        "bbox_mode": "xyxy",
        "keypoints": np.ones((n, 17, 3), np.float32),
        "keypoints_logits": np.zeros((n, 17), np.float32),
    }


def thing(name, box, attention="unsure", spatial="in_front_of", contacting="holding"):
    """An entry of object_bbox_and_relationship.pkl; ``box`` is xywh, labels are separated by blanks."""
    return {
        "class": name,
        "bbox": box,
        "attention_relationship": attention.split(),
        "spatial_relationship": spatial.split(),
        "contacting_relationship": contacting.split(),
        "visible": True,
    }


def hidden(name):
    """An annotated object that is not visible in the frame."""
    labels = dict.fromkeys(f"{g}_relationship" for g in ("attention", "spatial", "contacting"))
    return {"class": name, "bbox": None, **labels, "visible": False}


WIDE, TALL, SMALL = (480, 270), (270, 480), (320, 480)
ONE = (24.25, 71.5, 259.25, 268.25)
SPLIT_OF = {"AAAAA": "train", "BBBBB": "train", "CCCCC": "train", "DDDDD": "test", "EEEEE": "test"}
FRAMES = {
    # Several people of whom the first counts; one sofa at four places at once; an invisible companion.
    "AAAAA.mp4/000003.png": (
        person(WIDE, ONE, (300.0, 10.0, 350.0, 200.0)),
        [
            hidden("light"),
            thing(
                "sofa/couch",
                (56.25, 79.0, 192.75, 90.5),
                "not_looking_at",
                "behind beneath on_the_side_of in_front_of",
                "sitting_on leaning_on",
            ),
            thing(
                "cup/glass/bottle", (22.0, 143.75, 20.25, 20.0), "looking_at", "in", "drinking_from"
            ),
        ],
    ),
    # The person's and the table's boxes leave the frame by less than a pixel.
    "AAAAA.mp4/000010.png": (
        person(WIDE, (-0.5, 71.5, 259.25, 270.25)),
        [thing("table", (222.0, 143.75, 258.75, 101.0), contacting="not_contacting")],
    ),
    "AAAAA.mp4/000021.png": (person(WIDE, ONE), [hidden("light"), hidden("dish")]),
    "AAAAA.mp4/000030.png": (person(WIDE), [thing("dish", (68.0, 124.75, 22.25, 19.5))]),
    "AAAAA.mp4/000042.png": (
        person(WIDE, ONE),
        [thing("phone/camera", (60.0, 100.0, 17.0, 40.0)), thing("bag", (10.0, 20.0, 16.0, 60.0))],
    ),
    # Portrait; two frames are too few for STTran.
    "BBBBB.mp4/000001.png": (
        person(TALL, (10.0, 20.0, 250.0, 470.0)),
        [thing("floor", (0.0, 400.0, 270.0, 80.0))],
    ),
    "BBBBB.mp4/000090.png": (
        person(TALL, (10.0, 20.0, 250.0, 470.0)),
        [thing("bed", (5.0, 300.0, 200.0, 100.0))],
    ),
    # One frame.
    "CCCCC.mp4/000007.png": (
        person(WIDE, ONE),
        [thing("paper/notebook", (50.0, 60.0, 30.0, 40.0))],
    ),
    # A box without area falls out with its labels, and its frame with it where it is alone.
    "DDDDD.mp4/000005.png": (
        person(SMALL, (20.0, 30.0, 120.0, 460.0)),
        [thing("door", (200.0, 0.0, 0.0, 300.0)), thing("doorway", (190.0, 10.0, 100.0, 320.0))],
    ),
    "DDDDD.mp4/000015.png": (
        person(SMALL, (20.0, 30.0, 120.0, 460.0)),
        [thing("door", (320.0, 0.0, 10.0, 300.0))],
    ),
    # Only an object of 16 pixels.
    "DDDDD.mp4/000025.png": (
        person(SMALL, (20.0, 30.0, 120.0, 460.0)),
        [
            thing(
                "medicine",
                (100.0, 200.0, 16.0, 40.0),
                "looking_at",
                "in_front_of",
                "holding touching",
            )
        ],
    ),
    "DDDDD.mp4/000035.png": (
        person(SMALL, (20.0, 30.0, 120.0, 460.0)),
        [thing("closet/cabinet", (100.0, 200.0, 90.0, 140.0)), hidden("clothes")],
    ),
    # Nobody was detected in this video.
    "EEEEE.mp4/000001.png": (person(SMALL), [thing("vacuum", (100.0, 200.0, 60.0, 40.0))]),
}


def records() -> tuple[dict, dict]:
    """The content of the two pickles: (persons, objects). Each call makes its own copy."""
    persons, objects = {}, {}
    for key, (person_record, things) in FRAMES.items():
        video, frame = key.removesuffix(".png").split("/")
        persons[key] = dict(person_record)
        objects[key] = [
            {
                **t,
                "metadata": {
                    "tag": f"{video}/{t['class'].replace('/', '_')}/{frame}",
                    "set": SPLIT_OF[video[:5]],
                },
            }
            for t in things
        ]
    return persons, objects


def write_action_genome(
    root: Path, persons: dict, objects: dict, folder: str = "annotations"
) -> Path:
    """Writes the five official files, as numpy 1 and Python 3 pickled them; returns their folder."""
    annotations = root / folder
    annotations.mkdir(parents=True)
    (root / "frames").mkdir()
    # The class files have no separators and no newline at their end.
    for name, words in (("object", OBJECTS), ("relationship", PREDICATES)):
        text = "\n".join(words).replace("/", "").replace("_", "")
        (annotations / f"{name}_classes.txt").write_text(text)
    (annotations / "frame_list.txt").write_text("\n".join(persons) + "\n")
    for name, content in (("person_bbox", persons), ("object_bbox_and_relationship", objects)):
        data = pickle.dumps(content, protocol=3).replace(b"numpy._core", b"numpy.core")
        (annotations / f"{name}.pkl").write_bytes(data)
    return annotations


def write_oed_json(root: Path, split: str, persons: dict, objects: dict) -> Path:
    """Writes the same frames as OED's script does: its frame rule, ids from 1, boxes xywh, the person first."""
    images, annotations, videos = [], [], {}
    for key, things in sorted(objects.items()):
        boxes, seen = persons[key]["bbox"], [t for t in things if t["visible"]]
        if things[0]["metadata"]["set"] != split or not seen or not len(boxes):
            continue
        video = key.split("/")[0]
        videos.setdefault(
            video, {"id": len(videos) + 1, "name": f"frames/{video}", "vid_train_frames": []}
        )
        width, height = persons[key]["bbox_size"]
        image = {
            "id": len(images) + 1,
            "video_id": videos[video]["id"],
            "width": width,
            "height": height,
        }
        images.append({**image, "file_name": f"frames/{key}", "frame_id": int(key[-10:-4])})
        x0, y0, x1, y1 = boxes[0].tolist()
        rows = [(0, (x0, y0, x1 - x0, y1 - y0), {})]
        rows += [(OBJECTS.index(t["class"]), t["bbox"], t) for t in seen]
        for category, box, labels in rows:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image["id"],
                    "category_id": category + 1,
                    "bbox": list(box),
                    "area": box[2] * box[3],
                    **{
                        name: [PREDICATES.index(p) for p in labels.get(f"{group}_relationship", ())]
                        for name, group in (
                            ("attention_rel", "attention"),
                            ("spatial_rel", "spatial"),
                            ("contact_rel", "contacting"),
                        )
                    },
                }
            )
    content = {
        "videos": list(videos.values()),
        "images": images,
        "annotations": annotations,
        "categories": [
            {"id": i + 1, "name": n, "encode_name": None} for i, n in enumerate(OBJECTS)
        ],
        "rel_categories": [
            {"id": i, "name": n, "encode_name": None} for i, n in enumerate(PREDICATES)
        ],
    }
    path = root / "annotations" / f"ag_{split}_coco_style.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path
