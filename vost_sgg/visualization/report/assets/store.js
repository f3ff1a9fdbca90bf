// What the user has chosen: filters, what is pointed at, and the frame that is shown. Parts listen to its events.

class Store {
  constructor(model) {
    this.model = model;
    this.events = d3.dispatch("time", "frame", "filter", "point");
    this.position = 0;
    this.time = model.times[0];
    this.pinned = null;
    this.hovered = null;
    this.clear();
  }

  clear() {
    this.threshold = 0;
    this.query = "";
    this.groups = new Set(GROUPS);
    this.verdicts = new Set(VERDICTS);
    this.objects = null;
    this.predicates = null;
  }

  on(name, action) {
    this.events.on(name, action);
  }

  filter(changes) {
    Object.assign(this, changes);
    this.events.call("filter");
  }

  showTime(time) {
    this.time = time;
    this.events.call("time");
    const position = this.model.positionAt(time);
    if (position !== this.position) {
      this.position = position;
      this.events.call("frame");
    }
  }

  get frame() {
    return this.model.frames[this.position];
  }

  /** Whether a track passes all filters but those that depend on the single relation. */
  admits(track) {
    return this.groups.has(track.group)
      && (!this.objects || this.objects.has(track.object))
      && (!this.predicates || this.predicates.has(track.predicate))
      && this.query.split(/\s+/).every((word) => track.text.includes(word));
  }

  /** The verdict on a relation that passes the filters; null for another one. */
  verdict(relation) {
    const verdict = verdictOf(relation, this.threshold);
    return verdict && this.verdicts.has(verdict) && this.admits(relation.track) ? verdict : null;
  }

  /** The relations of the present frame that pass the filters. */
  visible() {
    return this.frame.relations
      .map((relation) => ({ relation, verdict: this.verdict(relation) }))
      .filter((shown) => shown.verdict);
  }

  /** What is pointed at: {object: id}, {relation: id} or {track}; a pinned one stands while nothing is hovered. */
  point(target) {
    this.hovered = target;
    this.events.call("point");
  }

  pin(target) {
    this.pinned = JSON.stringify(aim(target)) === JSON.stringify(aim(this.pinned)) ? null : target;
    this.events.call("point");
  }

  /** The lit objects, relations and tracks of the present frame; null if nothing is pointed at. */
  lit() {
    const target = this.hovered || this.pinned;
    if (!target) return null;
    const relations = this.visible().map((shown) => shown.relation).filter((relation) => meets(relation, target));
    const ends = relations.flatMap((relation) => [relation.subject, relation.object]);
    return {
      relations: new Set(relations.map((relation) => relation.id)),
      objects: new Set(target.object ? [target.object, ...ends] : ends),
      tracks: new Set(target.track ? [target.track] : relations.map((relation) => relation.track)),
    };
  }
}

function meets(relation, target) {
  if (target.track) return relation.track === target.track;
  if (target.relation) return relation.id === target.relation;
  return relation.subject === target.object || relation.object === target.object;
}

/** A target without its references to other things, for comparing. */
function aim(target) {
  return target && [target.object, target.relation, target.track && target.track.key];
}
