// Text that came from a model or a file. It is only ever set as text, never parsed as markup.

const GROUP_MARKS = { attention: "●", spatial: "■", contacting: "◆" };
const VERDICT_MARKS = { hit: "✓", missed: "✕", "false alarm": "!", predicted: "" };

// Of a long label this much is given to the drawing; all of it stands in the tooltip of its row.
const LONGEST = 200;

const measure = document.createElement("canvas").getContext("2d");

function textWidth(text, font) {
  measure.font = font;
  return measure.measureText(text).width;
}

/** The text, or as much of it as fits into a width, with an ellipsis. */
function fitText(text, width, font) {
  const letters = [...text.slice(0, LONGEST).replace(/\s+/g, " ")];
  if (text.length <= LONGEST && textWidth(letters.join(""), font) <= width) return letters.join("");
  while (letters.length && textWidth(letters.join("") + "…", font) > width) letters.pop();
  return letters.join("") + "…";
}

function clockTime(seconds) {
  const tenths = Math.floor(seconds * 10 + 1e-6);
  const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
  return `${Math.floor(tenths / 600)}:${rest}`;
}

/** The name of an object: its class, with a number from the second of its class on. */
function objectName(item) {
  return item.ordinal > 1 ? `${item.class} ${item.ordinal}` : item.class;
}
