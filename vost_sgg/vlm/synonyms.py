"""Other words that models use for Action Genome's classes. Only words that can mean nothing else are here."""

# Canonical name, as the data set's metadata spells it -> variants. Separators, case and a plural s need none.
OBJECT_SYNONYMS = {
    "person": "man, woman, boy, girl, human, people, child, guy, lady",
    "bag": "backpack, handbag, purse, suitcase",
    "blanket": "quilt, comforter, bedspread",
    "broom": "mop",
    "chair": "armchair, stool",
    "closet/cabinet": "closet, cabinet, cupboard, wardrobe",
    "clothes": "clothing, cloth, shirt, jacket, garment, coat, sweater",
    "cup/glass/bottle": "cup, glass, bottle, mug, glass cup, water bottle",
    "dish": "plate, bowl, dishes, plates",
    "doorknob": "door handle, knob",
    "floor": "ground",
    "laptop": "computer, notebook computer, laptop computer",
    "light": "lamp, lights",
    "medicine": "pill, medication, medicine bottle",
    "paper/notebook": "paper, notebook, papers, sheet of paper",
    "phone/camera": "phone, camera, cell phone, cellphone, mobile phone, smartphone, mobile",
    "picture": "photo, painting, photograph, picture frame",
    "pillow": "cushion",
    "refrigerator": "fridge",
    "sandwich": "sandwiches, burger",
    "shelf": "shelves, bookshelf",
    "shoe": "shoes, slipper, sneaker",
    "sofa/couch": "sofa, couch, settee",
    "table": "desk",
    "television": "tv, television set, tv screen",
    "vacuum": "vacuum cleaner, hoover",
}
PREDICATE_SYNONYMS = {
    "looking_at": "looking, looks at, look at, watching, gazing at, staring at, facing it",
    "not_looking_at": "not looking, looking away, looking away from, not watching, isn't looking at, is not looking at",
    "unsure": "not sure, unclear, uncertain, unknown, cannot tell, can't tell, ambiguous",
    "above": "over, on top of, on top",
    "beneath": "under, below, underneath",
    "in_front_of": "in front, front, front of, infront of, ahead of",
    "behind": "in back of, at the back of",
    "on_the_side_of": "on the side, at the side of, to the side of, beside, next to, by the side of, side, alongside, "
    "to the left of, to the right of, left of, right of, near",
    "in": "inside, within, inside of",
    "carrying": "carry, carries",
    "covered_by": "covered with, covered in, covered, being covered by, under cover of",
    "drinking_from": "drinking, drink, drink from, drinks from, sipping",
    "eating": "eat, eats",
    "have_it_on_the_back": "has it on the back, having it on the back, have on the back, "
    "on the back, on his back, on her back",
    "holding": "hold, holds, grasping, gripping",
    "leaning_on": "leaning, lean on, leans on, leaning against",
    "lying_on": "lying, laying on, laying, lie on, lies on, lying down on, lying in",
    "not_contacting": "not in contact, no contact, not touching, without contact, contactless, not in contact with, "
    "no contacting, none, is not contacting",
    "other_relationship": "other, other relation, other relationships, other relations",
    "sitting_on": "sitting, sit on, sits on, seated on, sitting in, seated, sitting at",
    "standing_on": "standing, stand on, stands on",
    "touching": "touch, touches",
    "twisting": "twist, twists, turning, screwing",
    "wearing": "wear, wears, dressed in",
    "wiping": "wipe, wipes, cleaning",
    "writing_on": "writing, write on, writes on",
}
# Variants that say nothing outside a list of predicates: in a sentence "in" is any preposition, and "I cannot tell" is
# said of the whole question.
LIST_ONLY = frozenset(
    "in, inside, within, over, under, front, side, covered, none, other, near, turning, cleaning, looking, "
    "not sure, unclear, uncertain, unknown, cannot tell, can't tell, ambiguous".split(", ")
)
