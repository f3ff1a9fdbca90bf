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

/** Minutes and seconds, as in 1:05.3; cut off, not rounded, after some digits. */
function clockTime(seconds, digits = 1) {
  const unit = 10 ** digits;
  const parts = Math.floor(seconds * unit + 1e-6);
  const rest = ((parts % (60 * unit)) / unit).toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
  return `${Math.floor(parts / (60 * unit))}:${rest}`;
}

/** A text among others, so that its direction of writing does not turn theirs round. */
function isolate(text) {
  return `\u2068${text}\u2069`;
}

function counted(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** The name of an object: its class, with a number from the second of its class on. */
function objectName(item) {
  return item.ordinal > 1 ? `${item.class} ${item.ordinal}` : item.class;
}
