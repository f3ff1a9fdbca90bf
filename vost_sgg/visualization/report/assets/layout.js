// Where the nodes of a frame's graph stand: subjects on the left, relations in the middle, other objects on the right.
// d3's forces pull every relation towards its two ends and push apart what stands in one column.

const NODE_HEIGHT = 26;
const PLATE_HEIGHT = 20;
const GAP = 2;
// Between the plates of two pairs.
const PAIR_GAP = 9;
const EDGE = 8;

/**
 * Gives every node its y and its column's x.
 *
 * nodes: {id, rank} of the objects, in rank's order from the top; links: {id, subject, object} of the relations.
 * Returns the nodes of the three columns, each {id, column, x, y, item}, and the height they need.
 */
function layOut(nodes, links, widths) {
  const subjects = new Set(links.map((link) => link.subject));
  const left = nodes.filter((node) => subjects.has(node.id));
  const right = nodes.filter((node) => !subjects.has(node.id));
  const places = new Map(nodes.map((node, row) => [node.id, row]));
  const order = [...links].sort(
    (one, other) => places.get(one.object) - places.get(other.object)
      || places.get(one.subject) - places.get(other.subject)
      || GROUPS.indexOf(one.group) - GROUPS.indexOf(other.group)
      || d3.ascending(one.predicate, other.predicate),
  );
  const columns = [left, order, right].map((items, column) => items.map((item, row) => ({
    id: column === 1 ? "r" + item.id : item.id, item, column, height: column === 1 ? PLATE_HEIGHT : NODE_HEIGHT,
    x: widths.centres[column], fx: widths.centres[column],
    y: ((row + 0.5) * order.length * (PLATE_HEIGHT + GAP)) / items.length,
  })));
  settle(columns, order);
  return { columns, height: shift(columns) };
}

function settle(columns, order) {
  const ends = order.flatMap((link) => [
    { source: "r" + link.id, target: link.subject },
    { source: "r" + link.id, target: link.object },
  ]);
  const forces = d3.forceSimulation(columns.flat())
    .force("ends", d3.forceLink(ends).id((node) => node.id).distance(0).strength(0.2))
    .force("apart", d3.forceCollide((node) => (node.height + GAP) / 2).iterations(2))
    .alpha(0.6).alphaDecay(0.05).stop();
  for (let tick = 0; tick < 60; tick += 1) forces.tick();
}

/** Takes away what overlap is left, in the columns' order, and moves all to the top. Returns the height. */
function shift(columns) {
  for (const column of columns) {
    column.forEach((node, row) => {
      if (row) node.y = Math.max(node.y, column[row - 1].y + node.height + gapBetween(column[row - 1].item, node.item));
    });
  }
  const all = columns.flat();
  const top = d3.min(all, (node) => node.y - node.height / 2) - EDGE;
  all.forEach((node) => { node.y -= top; });
  return (d3.max(all, (node) => node.y + node.height / 2) || 0) + EDGE;
}

/** Plates of one pair lie close together; objects, which have no ends, do not. */
function gapBetween(one, other) {
  return one.object && one.object === other.object && one.subject === other.subject ? GAP : PAIR_GAP;
}
