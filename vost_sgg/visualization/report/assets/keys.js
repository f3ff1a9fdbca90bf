// The keyboard.

const KEYS = [
  { keys: [" "], shown: ["space"], does: "play", run: ({ player }) => player.toggle() },
  { keys: ["ArrowLeft"], shown: ["←", "→"], does: "frame", run: ({ player }, event) => player.step(event.shiftKey ? -10 : -1) },
  { keys: ["ArrowRight"], run: ({ player }, event) => player.step(event.shiftKey ? 10 : 1) },
  { keys: ["Home"], shown: ["Home", "End"], does: "first, last", run: ({ player }) => player.seek(0) },
  { keys: ["End"], run: ({ player, model }) => player.seek(model.frames.length - 1) },
  { keys: ["ArrowUp"], shown: ["↑", "↓"], does: "row", run: ({ rows }) => rows.focusOn(rows.hasFocus() ? rows.focused - 1 : rows.focused) },
  { keys: ["ArrowDown"], run: ({ rows }) => rows.focusOn(rows.hasFocus() ? rows.focused + 1 : rows.focused) },
  { shown: ["Enter"], does: "next bar of the row", keys: [] },
  { keys: ["/"], shown: ["/"], does: "filter", run: () => document.getElementById("query").focus() },
  { keys: ["1"], shown: ["1", "2", "3"], does: "groups", run: ({ filters }) => filters.toggle("groups", GROUPS[0]) },
  { keys: ["2"], run: ({ filters }) => filters.toggle("groups", GROUPS[1]) },
  { keys: ["3"], run: ({ filters }) => filters.toggle("groups", GROUPS[2]) },
  { keys: ["["], shown: ["[", "]"], does: "score", run: (parts) => raiseThreshold(parts, -0.05) },
  { keys: ["]"], run: (parts) => raiseThreshold(parts, 0.05) },
  { keys: ["-"], shown: ["−", "+"], does: "zoom", run: ({ timeline }) => timeline.zoom(2) },
  { keys: ["+", "="], run: ({ timeline }) => timeline.zoom(0.5) },
  { keys: ["Escape"], shown: ["Esc"], does: "let go", run: (parts) => letGo(parts) },
];

function raiseThreshold({ store }, step) {
  const threshold = Math.max(0, Math.min(1, store.threshold + step));
  store.filter({ threshold: Math.round(threshold * 100) / 100 });
}

function letGo({ store, filters }) {
  filters.closeMenus(null);
  if (document.activeElement) document.activeElement.blur();
  store.pinned = null;
  store.point(null);
}

/** Whether the focused control needs a key itself: text and lists need all but Escape, buttons their space bar. */
function keptByControl(event) {
  const control = event.target.closest("input, select, button, summary, [role=button]");
  if (!control || event.key === "Escape") return false;
  if (control.matches("input[type=search], select")) return true;
  if (control.matches("input[type=range]")) return /^(Arrow|Home|End|Page)/.test(event.key);
  return event.key === " " || event.key === "Enter";
}

function listenToKeys(parts) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || keptByControl(event)) return;
    const known = KEYS.find((entry) => entry.keys.includes(event.key));
    if (!known || !known.run) return;
    event.preventDefault();
    known.run(parts, event);
  });
  const items = d3.select("#help").selectAll("span").data(KEYS.filter((entry) => entry.shown)).enter().append("span");
  items.selectAll("kbd").data((entry) => entry.shown).enter().append("kbd").text((key) => key);
  items.append("span").text((entry) => ` ${entry.does}`);
}
