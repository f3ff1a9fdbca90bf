// What the user has chosen: filters, what is pointed at, and the frame that is shown. Parts listen to its events.

class Store {
  constructor(model) {
    this.model = model;
    this.events = d3.dispatch("time", "frame", "filter", "point", "pin");
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
      // A relation is one of its frame.
      if (this.hovered && this.hovered.relation) this.hovered = null;
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

  /** What is pointed at: {object: key}, {relation: id} or {track}. */
  point(target) {
    this.hovered = target;
    this.events.call("point");
  }

  /** What stays pointed at while nothing else is: {object: key} or {track}; the same one again lets go of it. */
  pin(target) {
    const same = target && this.pinned && target.object === this.pinned.object && target.track === this.pinned.track;
    this.pinned = same ? null : target;
    this.events.call("point");
    this.events.call("pin");
  }

  /** The lit objects, relations and tracks of the present frame; null if nothing is pointed at. */
  lit() {
    const target = this.hovered || this.pinned;
    if (!target) return null;
    const object = [...this.frame.objects.values()].find((item) => item.key === target.object);
    const relations = this.visible().map((shown) => shown.relation).filter(
      (relation) => relation.track === target.track || relation.id === target.relation
        || (object && (relation.subject === object.id || relation.object === object.id)),
    );
    const ends = relations.flatMap((relation) => [relation.subject, relation.object]);
    return {
      relations: new Set(relations.map((relation) => relation.id)),
      objects: new Set(object ? [object.id, ...ends] : ends),
      tracks: new Set(target.track ? [target.track] : relations.map((relation) => relation.track)),
    };
  }
}
