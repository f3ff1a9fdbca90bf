// The graph of the present frame: its objects, and between them a plate for every relation that passes the filters.

// More plates than this are too many to read; the strongest are drawn and the rest is counted.
const MOST_PLATES = 60;
const ARROW = 7;
const PLATE_FONT = "12px system-ui, sans-serif";
const NODE_FONT = "600 13px system-ui, sans-serif";

class GraphView {
  constructor(model, store) {
    this.model = model;
    this.store = store;
    this.drawing = d3.select("#graph-drawing");
    this.edges = this.drawing.append("g").attr("class", "edges");
    this.nodes = this.drawing.append("g");
    // In the order of its first relation, which stays the same from frame to frame.
    this.ranks = new Map();
    for (const name of model.tracks.flatMap((track) => [track.subject, track.object])) {
      if (!this.ranks.has(name)) this.ranks.set(name, this.ranks.size);
    }
    store.on("frame.graph", () => this.draw());
    store.on("filter.graph", () => this.draw());
    store.on("point.graph", () => this.light());
    this.drawing.on("click", () => store.pin(null));
    new ResizeObserver(() => this.draw()).observe(document.getElementById("graph-scroll"));
  }

  draw() {
    const width = Math.max(280, document.getElementById("graph-scroll").clientWidth);
    const visible = this.store.visible();
    // What was missed has no score of its own; it is never among the weakest.
    const strength = (shown) => (shown.relation.annotated ? Infinity : shown.relation.score);
    const shown = [...visible].sort((one, other) => d3.descending(strength(one), strength(other))).slice(0, MOST_PLATES);
    this.count(visible.length, shown.length);
    const { columns, height } = layOut(this.objectsOf(shown), shown.map(asLink), columnsOf(width).centres);
    this.drawing.attr("width", width).attr("height", height).attr("viewBox", `0 0 ${width} ${height}`);
    const widths = columnsOf(width);
    this.drawEdges(columns, widths);
    this.drawNodes([...columns[0], ...columns[2]], widths.object);
    this.drawPlates(columns[1], widths.plate);
    this.light();
  }

  count(all, drawn) {
    const rest = all > drawn ? `, the strongest ${drawn} drawn` : "";
    d3.select("#graph-count").text(all ? counted(all, "relation") + rest : "no relation here");
  }

  objectsOf(shown) {
    const ids = new Set(shown.flatMap(({ relation }) => [relation.subject, relation.object]));
    const items = [...ids].map((id) => this.store.frame.objects.get(id));
    return items.sort((one, other) => this.ranks.get(one.class) - this.ranks.get(other.class)
      || one.ordinal - other.ordinal);
  }

  /** Two edges a relation, from its plate to its two objects; the arrow is at the one that is read last. */
  drawEdges(columns, widths) {
    const at = new Map(columns.flat().map((node) => [node.id, node]));
    const halves = columns[1].flatMap((plate) => ["subject", "object"].map((end) => (
      { id: plate.id + end, plate, node: at.get(plate.item[end]), arrow: READING[plate.item.group][2] === end })));
    const edges = this.edges.selectAll("path").data(halves, (half) => half.id);
    edges.exit().remove();
    edges.enter().append("path").merge(edges)
      .attr("class", (half) => `edge ${half.plate.item.group} ${asClass(half.plate.item.verdict)}`)
      .attr("marker-end", (half) => (half.arrow ? `url(#arrow-${half.plate.item.group})` : null))
      .attr("d", ({ plate, node, arrow }) => {
        const side = Math.sign(plate.x - node.x);
        // Beside the node there is room for the arrow.
        const ends = [[plate.x - (side * widths.plate) / 2, plate.y],
          [node.x + side * (widths.object / 2 + (arrow ? ARROW : 0)), node.y]];
        return d3.linkHorizontal()({ source: ends[0], target: ends[1] });
      });
  }

  drawNodes(nodes, width) {
    const items = this.join("node", nodes, width);
    items
      .classed("person", (node) => node.item.class === "person")
      .classed("absent", (node) => !node.item.found)
      .attr("aria-label", (node) => nodeLabel(node.item));
    items.select("title").text((node) => nodeLabel(node.item));
    items.select("text").text((node) => (node.item.found ? "" : "✕ ")
      + isolate(fitText(objectName(node.item), width - (node.item.found ? 16 : 32), NODE_FONT)));
  }

  drawPlates(plates, width) {
    const items = this.join("plate", plates, width);
    items
      .attr("class", (plate) => `plate ${plate.item.group} ${asClass(plate.item.verdict)}`)
      .attr("aria-label", (plate) => plateLabel(plate.item));
    items.select("title").text((plate) => plateLabel(plate.item));
    items.select("text").text((plate) => plateText(plate.item, width - 16));
  }

  /** The groups of one kind, as many as there are data, each with its rectangle, its text and its listeners. */
  join(kind, data, width) {
    const old = this.nodes.selectAll(`g.${kind}`).data(data, (node) => node.id);
    old.exit().remove();
    const added = old.enter().append("g").attr("class", kind).attr("role", "button").attr("tabindex", 0);
    added.append("title");
    added.append("rect").attr("rx", kind === "node" ? 13 : 5)
      .attr("height", (node) => node.height).attr("y", (node) => -node.height / 2);
    added.append("text").attr("dy", "0.35em");
    this.listen(added);
    const all = added.merge(old).order();
    all.attr("transform", (node) => `translate(${node.x},${node.y})`);
    all.select("rect").attr("width", width).attr("x", -width / 2);
    return all;
  }

  listen(items) {
    const target = (node) => (node.column === 1 ? { relation: node.item.id } : { object: node.item.key });
    const pin = (node) => {
      d3.event.stopPropagation();
      this.store.pin(node.column === 1 ? { track: node.item.track } : { object: node.item.key });
    };
    items
      .on("mouseenter", (node) => this.store.point(target(node)))
      .on("mouseleave", () => this.store.point(null))
      .on("focus", (node) => this.store.point(target(node)))
      .on("blur", () => this.store.point(null))
      .on("click", pin)
      .on("keydown", (node) => {
        if (d3.event.key === "Enter") pin(node);
      });
  }

  light() {
    const lit = this.store.lit();
    const isLit = (node) => (node.column === 1 ? lit.relations : lit.objects).has(node.item.id);
    this.nodes.selectAll("g").classed("lit", (node) => lit && isLit(node)).classed("dim", (node) => lit && !isLit(node));
    this.edges.selectAll("path")
      .classed("lit", (half) => lit && isLit(half.plate)).classed("dim", (half) => lit && !isLit(half.plate));
  }
}

/** Centres and widths of the three columns in a drawing of some width. */
function columnsOf(width) {
  const object = Math.min(170, Math.max(78, width * 0.24));
  const plate = Math.min(210, Math.max(96, width * 0.34));
  return { object, plate, centres: [object / 2 + MARGIN, width / 2, width - object / 2 - MARGIN] };
}

function asLink({ relation, verdict }) {
  return { ...relation, verdict };
}

function asClass(verdict) {
  return verdict.replace(" ", "-");
}

function plateText(item, width) {
  const marks = [VERDICT_MARKS[item.verdict], GROUP_MARKS[item.group]].filter(Boolean).join(" ") + " ";
  const score = item.annotated ? "" : ` ${item.score.toFixed(2)}`;
  const room = width - textWidth(marks + score, PLATE_FONT);
  // Where there is little room the score gives way.
  return textWidth(item.predicate.slice(0, LONGEST), PLATE_FONT) > room && room < 90
    ? marks + isolate(fitText(item.predicate, width - textWidth(marks, PLATE_FONT), PLATE_FONT))
    : marks + isolate(fitText(item.predicate, room, PLATE_FONT)) + score;
}

function plateLabel(item) {
  const verdict = item.verdict === "predicted" ? "" : `${item.verdict}: `;
  const score = item.annotated ? "" : `, score ${item.score.toFixed(2)}`;
  return `${verdict}${item.track.words.slice(0, LONGEST)} (${item.group}${score})`;
}

function nodeLabel(item) {
  const kind = item.found ? `score ${item.score.toFixed(2)}` : "annotated, not found";
  return `${objectName(item).slice(0, LONGEST)}, ${kind}`;
}
