"""Action Genome's labels, derived from the state of a frame. docs/sample_dataset.md tabulates the evidence."""

from vost_sgg.data.sample.action import is_gripped
from vost_sgg.data.sample.layout import Layout
from vost_sgg.data.sample.play import FrameState, Thing, looks_towards
from vost_sgg.data.sample.scripts import BODY, IN_HAND

_CONTACT = {
    "sit": "sitting_on", "lie": "lying_on", "stand_on": "standing_on", "hold": "holding", "carry": "carrying",
    "drink": "drinking_from", "eat": "eating", "write": "writing_on", "touch": "touching", "wipe": "wiping",
    "cloth": "holding", "twist": "twisting", "lean": "leaning_on", "wear": "wearing",
    "back": "have_it_on_the_back", "cover": "covered_by", "push": "other_relationship",
}  # fmt: skip
# Action -> (second label, share of the objects that get it). AG has 1.09 contacting labels an object.
_SECOND_CONTACT = {
    "hold": ("touching", 0.11), "carry": ("holding", 0.30), "drink": ("holding", 0.40), "eat": ("holding", 0.40),
    "write": ("touching", 0.35), "wipe": ("touching", 0.35), "twist": ("holding", 0.40), "lean": ("touching", 0.35),
    "wear": ("touching", 0.20), "cover": ("touching", 0.30), "touch": ("leaning_on", 0.03), "sit": ("touching", 0.12),
    "lie": ("touching", 0.10),
}  # fmt: skip


def attention(state: FrameState, index: int) -> list[str]:
    """The attention label of ``state.things[index]``: always one, as in AG."""
    thing = state.things[index]
    if state.gaze is None:
        return ["unsure"]
    aside = thing.prop.role.action in BODY or thing.prop.name == "floor"
    looked_at = index == state.gaze_target or (not aside and looks_towards(state, thing))
    return ["looking_at" if looked_at else "not_looking_at"]


def contacting(layout: Layout, thing: Thing) -> list[str]:
    """The contacting labels of an annotated thing, the plainest one first."""
    action, habit = thing.prop.role.action, thing.prop.habits[0]
    if not thing.active:
        return ["not_contacting"]
    if action in ("drink", "eat") and not thing.at_mouth:
        return ["holding"]
    if is_gripped(thing.prop):
        return ["holding"]
    if action == "sit" and layout.recline and thing.prop.name != "floor":
        return ["sitting_on", "leaning_on"]
    second, share = _SECOND_CONTACT.get(action, ("", 0.0))
    return [_CONTACT[action]] + [second] * (habit < share)


def spatial(layout: Layout, state: FrameState, thing: Thing) -> list[str]:
    """The spatial labels: where the thing is, seen from the person ("object <predicate> person")."""
    on_body = _on_body(layout, thing)
    if on_body:
        return on_body
    figure, habit = state.figure, thing.prop.habits[1]
    h = figure.height
    dx = float(thing.centre[0] - figure.hip[0]) / h
    _, top, _, bottom = thing.box().tolist()
    if thing.prop.name == "doorway" and abs(dx) < 0.13:
        return ["in"] + ["behind"] * (habit < 0.3)
    if bottom < figure.head[1] - 0.10 * h:
        return ["above"] + [_horizontal(state, thing, dx)] * (abs(dx) > 0.3 and habit < 0.6)
    labels = [_horizontal(state, thing, dx)]
    if top > figure.hip[1] - 0.06 * h and habit < 0.70:
        labels.append("beneath")
    if figure.direction and abs(dx) > 0.45 and thing.prop.habits[2] < 0.60:
        labels.append("on_the_side_of")
    return labels


def _on_body(layout: Layout, thing: Thing) -> list[str]:
    """Labels of what carries, covers or clothes the body; none for other things."""
    action, habit = thing.prop.role.action, thing.prop.habits[1]
    if thing.prop.name == "floor":
        return ["beneath"]
    if action == "sit":
        return (
            ["beneath"] + ["behind"] * (habit < 0.45) + ["on_the_side_of"] * (0.45 < habit < 0.52)
        )
    if action == "lie":
        return ["beneath"] if habit < 0.5 else ["in"]
    if action == "cover":
        return ["above"] if habit < 0.35 else ["in"]
    if action == "wear":
        return (
            ["beneath"]
            if thing.prop.name == "shoe"
            else (["in_front_of"] if habit < 0.3 else ["in"])
        )
    return ["behind"] if action == "back" else []


def _horizontal(state: FrameState, thing: Thing, dx: float) -> str:
    direction = state.figure.direction
    if thing.active and thing.prop.role.action in IN_HAND:
        return "in_front_of"
    if direction:
        return "in_front_of" if dx * direction > -0.02 else "behind"
    if state.figure.facing == "away":
        return "in_front_of" if abs(dx) < 0.35 else "on_the_side_of"
    if abs(dx) < 0.22:
        return "in_front_of" if thing.prop.front else "behind"
    return "on_the_side_of"
