// The timeline: which tracks have a row, in which order, and how time lies along the rows.

const ORDERS = {
  object: (one, other) => d3.ascending(one.object, other.object) || d3.ascending(one.subject, other.subject)
    || GROUPS.indexOf(one.group) - GROUPS.indexOf(other.group) || one.first - other.first,
  first: (one, other) => one.segments[0].from - other.segments[0].from || one.first - other.first,
  longest: (one, other) => other.length - one.length || one.first - other.first,
};

class Timeline {
  constructor(model, store, player) {
    this.model = model;
    this.store = store;
    this.player = player;
    this.plot = document.querySelector("#timeline .plot");
    this.axis = d3.select("#timeline .axis");
    this.scale = d3.scaleLinear().domain([0, model.end]);
    this.rows = new Rows(model, store, player, this.scale);
    this.scrub(this.axis.node());
    this.scrub(document.querySelector("#rows .space"));
    this.addControls();
    store.on("filter.timeline", () => this.collect());
    store.on("time.timeline", () => this.follow());
    new ResizeObserver(() => this.resize()).observe(this.plot);
    this.collect();
  }

  addControls() {
    d3.select("#order").on("change", () => this.collect());
    d3.select("#zoom-in").on("click", () => this.zoom(0.5));
    d3.select("#zoom-out").on("click", () => this.zoom(2));
    this.plot.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  /** Finds the rows anew: the tracks of which something passes the filters. */
  collect() {
    const shown = this.model.tracks.filter((track) => this.store.admits(track) && this.findSegments(track));
    shown.sort(ORDERS[document.getElementById("order").value]);
    const all = this.model.tracks.length;
    d3.select("#row-count").text(shown.length === all ? counted(all, "relation") : `${shown.length} of ${all} relations`);
    d3.select("#timeline .empty").property("hidden", shown.length > 0);
    this.rows.show(shown);
    this.countVerdicts();
    this.resize();
  }

  /** Sets a track's segments, each a run of neighbouring frames with one verdict; false if there are none. */
  findSegments(track) {
    const worst = new Map();
    for (const { position, relation } of track.seen) {
      const verdict = verdictOf(relation, this.store.threshold);
      if (!verdict || !this.store.verdicts.has(verdict)) continue;
      const known = worst.get(position);
      if (!known || VERDICTS.indexOf(verdict) < VERDICTS.indexOf(known)) worst.set(position, verdict);
    }
    track.segments = [];
    for (const position of [...worst.keys()].sort(d3.ascending)) {
      const last = track.segments[track.segments.length - 1];
      const verdict = worst.get(position);
      const end = this.model.endOf(position);
      if (last && last.to === position && last.verdict === verdict) Object.assign(last, { to: position + 1, end });
      else track.segments.push({ from: position, to: position + 1, start: this.model.times[position], end, verdict });
    }
    track.length = worst.size;
    return worst.size > 0;
  }

  /** Counts hits, misses and false alarms over all frames, under the filters. */
  countVerdicts() {
    if (!this.model.judged) return;
    const counts = { hit: 0, missed: 0, "false alarm": 0, predicted: 0 };
    for (const track of this.model.tracks.filter((one) => this.store.admits(one))) {
      for (const { relation } of track.seen) {
        const verdict = verdictOf(relation, this.store.threshold);
        if (verdict) counts[verdict] += 1;
      }
    }
    const share = (whole) => (whole ? (counts.hit / whole).toFixed(2) : "none");
    d3.select("#score").property("hidden", false).text(
      `✓ ${counts.hit} hits · ✕ ${counts.missed} missed · ! ${counts["false alarm"]} false alarms · `
      + `recall ${share(counts.hit + counts.missed)} · precision ${share(counts.hit + counts["false alarm"])}`,
    );
  }

  resize() {
    const width = this.axis.node().clientWidth;
    this.scale.range([0, Math.max(1, width)]);
    const count = Math.max(2, width / 90);
    const digits = d3.precisionFixed(d3.tickStep(...this.scale.domain(), count));
    const ticks = d3.axisTop(this.scale).ticks(count).tickSizeOuter(0).tickFormat((time) => clockTime(time, digits));
    this.axis.selectAll("g").data([0]).enter().append("g").attr("transform", "translate(0,22)");
    this.axis.select("g").call(ticks);
    this.rows.redraw();
    this.follow();
  }

  /** Moves the playhead, and the stretch of time that is shown if the playhead has left it. */
  follow() {
    const [start, end] = this.scale.domain();
    const inside = this.store.time >= start && this.store.time <= end;
    if (!inside && end - start < this.model.end) {
      this.look(this.store.time - (end - start) * 0.1, end - start);
      return;
    }
    d3.select(".playhead").style("transform", `translateX(${this.scale(this.store.time)}px)`);
  }

  /** Shows a stretch of time, kept inside the video. */
  look(start, length) {
    const span = Math.min(this.model.end, Math.max(length, this.model.end / 200));
    const first = Math.max(0, Math.min(this.model.end - span, start));
    this.scale.domain([first, first + span]);
    this.resize();
  }

  zoom(factor, centre = this.store.time) {
    const [start, end] = this.scale.domain();
    this.look(centre - (centre - start) * factor, (end - start) * factor);
  }

  wheel(event) {
    if (!event.ctrlKey && !event.shiftKey) return;
    event.preventDefault();
    const [start, end] = this.scale.domain();
    const turn = event.deltaY || event.deltaX;
    if (event.shiftKey) this.look(start + (turn / 600) * (end - start), end - start);
    else this.zoom(Math.exp(turn / 300), this.timeAt(event));
  }

  timeAt(event) {
    return this.scale.invert(event.clientX - this.axis.node().getBoundingClientRect().left);
  }

  /** A click goes to its time, and dragging on goes along. */
  scrub(element) {
    element.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.target.closest(".name")) return;
      element.setPointerCapture(event.pointerId);
      this.player.seekTime(this.timeAt(event));
    });
    element.addEventListener("pointermove", (event) => {
      if (element.hasPointerCapture(event.pointerId)) this.player.seekTime(this.timeAt(event));
    });
  }
}
