// Where the nodes of a frame's graph stand: on the left what is mostly a subject, as the person is, on the right the other
// objects, the relations between them.
// The relations of one pair are a block. d3's forces pull an object to the height of its blocks, and push apart what stands
// in one column.

const NODE_HEIGHT = 26;
const PLATE_HEIGHT = 20;
const GAP = 2;
const BLOCK_GAP = 9;
const MARGIN = 8;

/**
 * Places objects and relations in three columns.
 *
 * objects: each with its id, from the top; links: relations, each with its id and its ends' ids, subject and object;
 * centres: of the columns. Returns the placed nodes of the columns, {id, item, column, x, y, height}, and the height of
 * it all.
 */
function layOut(objects, links, centres) {
  const blocks = blocksOf(objects, links);
  const onLeft = (item) => d3.sum(links, (link) => (link.subject === item.id) - (link.object === item.id)) >= 0;
  const right = objects.filter((item) => !onLeft(item));
  const columns = [objects.filter(onLeft).map(asBody), blocks, right.map(asBody)];
  settle(columns, blocks);
  const bottom = separate(columns);
  const nodes = (bodies, column) => bodies.map(({ item, y }) => (
    { id: item.id, item, column, x: centres[column], y, height: NODE_HEIGHT }));
  const plates = blocks.flatMap((block) => block.links.map((item, row) => ({
    id: "r" + item.id, item, column: 1, x: centres[1], height: PLATE_HEIGHT,
    y: block.y - block.height / 2 + PLATE_HEIGHT / 2 + row * (PLATE_HEIGHT + GAP),
  })));
  return { columns: [nodes(columns[0], 0), plates, nodes(columns[2], 2)], height: bottom + MARGIN };
}

/** The relations by pair, in the order of the objects, and in a block by group and predicate. */
function blocksOf(objects, links) {
  const places = new Map(objects.map((item, row) => [item.id, row]));
  const pairs = d3.nest().key((link) => `${link.subject} ${link.object}`).entries(links);
  const blocks = pairs.map(({ key, values }) => ({
    id: key, subject: values[0].subject, object: values[0].object,
    links: values.sort((one, other) => GROUPS.indexOf(one.group) - GROUPS.indexOf(other.group)
      || d3.ascending(one.predicate, other.predicate)),
    height: values.length * (PLATE_HEIGHT + GAP) - GAP,
  }));
  return blocks.sort((one, other) => places.get(one.object) - places.get(other.object)
    || places.get(one.subject) - places.get(other.subject));
}

function asBody(item) {
  return { id: item.id, item, height: NODE_HEIGHT };
}

/** Stacks the blocks; the objects start spread over their height and are pulled to the blocks that they are in. */
function settle(columns, blocks) {
  const length = (bodies) => d3.sum(bodies, (body) => body.height + BLOCK_GAP);
  columns.forEach((bodies, column) => bodies.forEach((body, row) => {
    const above = length(bodies.slice(0, row)) + (body.height + BLOCK_GAP) / 2;
    body.y = (above * length(blocks)) / length(bodies);
    if (bodies === blocks) body.fy = body.y;
    // The columns are so far apart that they do not push each other.
    body.x = column * 1e5;
    body.fx = body.x;
  }));
  const ends = blocks.flatMap((block) => [
    { source: block.id, target: block.subject }, { source: block.id, target: block.object },
  ]);
  const forces = d3.forceSimulation(columns.flat())
    .force("ends", d3.forceLink(ends).id((body) => body.id).distance(0))
    .force("apart", d3.forceCollide((body) => (body.height + BLOCK_GAP) / 2).iterations(2))
    .alphaDecay(0.05).stop();
  for (let tick = 0; tick < 60; tick += 1) forces.tick();
}

/** Takes away what overlap is left, in the columns' order, and moves all to the top. Returns the lowest point. */
function separate(columns) {
  for (const bodies of columns) {
    bodies.forEach((body, row) => {
      const above = bodies[row - 1];
      if (above) body.y = Math.max(body.y, above.y + (above.height + body.height) / 2 + BLOCK_GAP);
    });
  }
  const all = columns.flat();
  const top = d3.min(all, (body) => body.y - body.height / 2) - MARGIN;
  all.forEach((body) => { body.y -= top; });
  return d3.max(all, (body) => body.y + body.height / 2) || 0;
}
