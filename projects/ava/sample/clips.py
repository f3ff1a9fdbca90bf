"""One clip of the AVA sample: its pictures, what AVA's annotators say of it, and the scene graph behind it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from projects.ava.sample.worlds import World
from vost_sgg.data.sample.annotate import annotate
from vost_sgg.data.sample.figure import Figure
from vost_sgg.data.sample.play import FrameState, Play
from vost_sgg.data.sample.relations import contacting
from vost_sgg.data.sample.scene import Scene
from vost_sgg.data.sample.scripts import FRAMES
from vost_sgg.data.sample.video import FPS, SampleVideo

# Clips are cut from second 900 of a movie, and AVA annotates from second 902.
START, FIRST = 900, 902
SECONDS = range(FIRST, START + (FRAMES - 1) // FPS + 1)
_LETTERS = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
# Ids of AVA's classes by the script's posture, and by contacting predicate.
_POSTURES = {"stand": 12, "walk": 14, "sit": 11, "lie": 8}
_CONTACTS = {
    "carrying": 17, "holding": 17, "drinking_from": 27, "eating": 29, "touching": 59, "writing_on": 63,
}  # fmt: skip
# Of a body's box, what must be in the picture for it to be annotated.
_SHOWN = 0.35


@dataclass(frozen=True)
class SampleClip(SampleVideo):
    """A clip depends on (seed, index, world) alone; in both worlds the script, the plays and the ids are the same.

    Args:
        world: "familiar" or "shifted".
    """

    world: str = "familiar"

    @property
    def clip_id(self) -> str:
        """Eleven characters, as AVA's; unique, since two of them are the index."""
        drawn = np.random.default_rng([self.seed, self.index, 11]).integers(0, 64, 9)
        return "".join(_LETTERS[[*drawn, self.index // 64 % 64, self.index % 64]])

    @cached_property
    def look(self) -> World:
        """The world as this clip shows it."""
        size = self.played.layout.size
        if self.world == "familiar":
            return World.familiar(size)
        return World.shifted(np.random.default_rng([self.seed, self.index, 12]), size)

    @cached_property
    def played(self) -> Play:
        return self.play()

    def pictures(self) -> Iterator[np.ndarray]:
        """Every frame, (h, w, 3) uint8 RGB."""
        layout = self.look.layout(self.played.layout)
        scene = Scene(layout, self._streams()[4])
        for frame in range(FRAMES):
            state = self.look.state(self.played.state(frame))
            yield self.look.picture(scene.frame(state, layout.pan[frame]))

    def excluded(self) -> list[int]:
        """The seconds that AVA's annotators would leave out: the camera shakes."""
        return [second for second in SECONDS if self._state(second).shaken]

    def actions(self) -> set[int]:
        """Ids of all that is annotated in any of its keyframes."""
        return {a for second in SECONDS for *_, actions in self.persons(second) for a in actions}

    def persons(self, second: int) -> list[tuple[int, np.ndarray, list[int]]]:
        """AVA's annotation: person id, box xyxy in [0, 1] and ids of actions of each person in the picture."""
        state, script = self._state(second), self.played.layout.script
        contacts = {
            _CONTACTS[name]
            for thing in state.things
            if thing.prop.role and not thing.absent
            for name in contacting(self.played.layout, thing)
            if name in _CONTACTS
        }
        found = [(state.figure, {_POSTURES[script.posture], *contacts})]
        if state.bystander is not None:
            walks = self.played.layout.bystander[3]  # through the foreground
            found.append((state.bystander, {_POSTURES["walk" if walks else "stand"]}))
        persons = []
        for person_id, (figure, actions) in enumerate(found):
            box, shown = self._box(figure)
            if shown >= _SHOWN:
                persons.append((person_id, box / np.tile(self.look.size, 2), sorted(actions)))
        return persons

    def scene_graph(self, second: int) -> tuple[np.ndarray, list[dict]]:
        """What Action Genome's annotators would say, which no file has.

        Returns:
            The actor's box, xyxy in pixels of the picture, and an entry for each visible object as in Action Genome's
            ``object_bbox_and_relationship.pkl``, but with such a box as its ``bbox``.
        """
        rng = np.random.default_rng([self.seed, self.index, second])
        frame = (second - START) * FPS
        (entries,) = annotate(self.played, self.name, "test", [frame], rng).objects.values()
        visible = [entry for entry in entries if entry["visible"]]
        for entry in visible:
            x, y, width, height = entry["bbox"]
            if entry["class"] == "floor":  # of this world's room
                raised = self.played.layout.horizon - self.look.layout(self.played.layout).horizon
                y, height = y - raised, height + raised
            (entry["bbox"],) = self.look.boxes(np.array([[x, y, x + width, y + height]]))
        kept = [e for e in visible if (e["bbox"][2:] - e["bbox"][:2]).min() >= 1]
        return self._box(self._state(second).figure)[0], kept

    def _state(self, second: int) -> FrameState:
        return self.played.state((second - START) * FPS)

    def _box(self, figure: Figure) -> tuple[np.ndarray, float]:
        """A body's box in the picture, in pixels, and the share of it that is in the picture."""
        whole = self.look.body_box(figure)
        box = whole.clip(0, [*self.look.size, *self.look.size])
        return box, float((box[2:] - box[:2]).prod() / (whole[2:] - whole[:2]).prod())
