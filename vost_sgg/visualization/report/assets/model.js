// What the report shows: the frames of the document, and a track for every triplet that occurs in them.

const GROUPS = ["attention", "spatial", "contacting"];

// A relation's verdict, the worst first: what a bar shows where several relations of a triplet differ. Without a ground
// truth all are "predicted".
const VERDICTS = ["missed", "false alarm", "hit", "predicted"];

// The parts of a triplet in the order in which it reads. Spatial predicates are annotated from the object's side: of
// subject person, in_front_of, object table it is the table that is in front of the person.
const READING = {
  attention: ["subject", "predicate", "object"],
  spatial: ["object", "predicate", "subject"],
  contacting: ["subject", "predicate", "object"],
};

class Model {
  constructor(payload) {
    this.title = payload.title;
    this.video = payload.video;
    this.about = payload.model;
    this.images = payload.images;
    this.frames = payload.frames.map(readFrame);
    this.times = this.frames.map((frame) => frame.time);
    this.judged = payload.frames.some((frame) => frame.ground_truth);
    this.end = Math.max(this.video.duration || 0, this.lastTime());
    this.tracks = collectTracks(this.frames);
  }

  /** When the last frame ends: it is as long as the one before it, but not longer than the video. */
  lastTime() {
    const last = this.times.length - 1;
    const step = last > 0 ? this.times[last] - this.times[last - 1] : 1 / (this.video.fps || 1);
    const end = this.times[last] + step;
    return this.video.duration > this.times[last] ? Math.min(end, this.video.duration) : end;
  }

  /** When the frame at a position ends: where the next one begins. */
  endOf(position) {
    return position + 1 < this.times.length ? this.times[position + 1] : this.lastTime();
  }

  /** The position of the frame that holds at a time. */
  positionAt(time) {
    const frames = this.times.length;
    return Math.max(0, Math.min(frames - 1, d3.bisectRight(this.times, time + 1e-4) - 1));
  }
}

/** One frame: its objects by id, and its relations, predicted ones ("p0") and annotated ones ("t0") alike. */
function readFrame(frame) {
  const truth = frame.ground_truth || { objects: [], relations: [], counterparts: [] };
  const objects = new Map();
  const nameOf = nameObjects();
  frame.objects.forEach((item, row) => objects.set("p" + row, { ...item, ...nameOf(item), id: "p" + row, found: true }));
  // An annotated object that was found is shown as what it was found as.
  const ends = truth.counterparts.map((row, own) => (row === null ? "t" + own : "p" + row));
  truth.objects.forEach((item, row) => {
    if (ends[row] === "t" + row) {
      objects.set("t" + row, { ...item, ...nameOf(item), id: "t" + row, found: false });
    }
  });
  const predicted = frame.relations.map((item, row) => ({
    ...item, id: "p" + row, subject: "p" + item.subject, object: "p" + item.object, annotated: false,
    hit: frame.matches ? frame.matches[row] !== null : null,
  }));
  // The score from which an annotated relation is missed is that of its hit.
  const hitScores = new Map((frame.matches || []).map((row, own) => [row, frame.relations[own].score]));
  const annotated = truth.relations.map((item, row) => ({
    ...item, id: "t" + row, subject: ends[item.subject], object: ends[item.object], annotated: true,
    score: hitScores.has(row) ? hitScores.get(row) : -1,
  }));
  return { index: frame.index, time: frame.time, objects, relations: predicted.concat(annotated) };
}

/** Numbers the objects of a class, so that an object keeps its name from frame to frame as far as its class tells. */
function nameObjects() {
  const seen = new Map();
  return (item) => {
    const ordinal = (seen.get(item.class) || 0) + 1;
    seen.set(item.class, ordinal);
    return { ordinal, key: JSON.stringify([item.class, ordinal]) };
  };
}

/** What a relation is when predictions below a score are left out; null if it is then not there. */
function verdictOf(relation, threshold) {
  if (relation.annotated) return relation.score < threshold ? "missed" : null;
  if (relation.score < threshold) return null;
  if (relation.hit === null) return "predicted";
  return relation.hit ? "hit" : "false alarm";
}

/** The tracks, one a triplet of classes, in the order in which they are first seen. */
function collectTracks(frames) {
  const tracks = new Map();
  frames.forEach((frame, position) => {
    for (const relation of frame.relations) {
      const { predicate, group } = relation;
      const [subject, object] = [relation.subject, relation.object].map((id) => frame.objects.get(id).class);
      const key = JSON.stringify([subject, predicate, object, group]);
      if (!tracks.has(key)) {
        const names = { subject, predicate, object };
        const words = READING[group].map((part) => names[part]).join(" ");
        tracks.set(key, { key, group, ...names, words, text: words.toLowerCase(), first: tracks.size, seen: [] });
      }
      relation.track = tracks.get(key);
      relation.track.seen.push({ position, relation });
    }
  });
  return [...tracks.values()];
}
