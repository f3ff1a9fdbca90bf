// The rows of the timeline. Only those in sight are in the page, and the bars of one kind of a row are one path.

const ROW_HEIGHT = 22;
const BAR = { top: 4, height: 14 };

class Rows {
  constructor(model, store, player, scale) {
    Object.assign(this, { model, store, player, scale, tracks: [] });
    this.scroller = document.getElementById("rows");
    this.space = this.scroller.querySelector(".space");
    this.focused = 0;
    this.scroller.addEventListener("scroll", () => this.redraw());
    store.on("point.rows", () => this.light());
    store.on("frame.rows", () => this.light());
    store.on("pin.rows", () => this.reveal());
  }

  show(tracks) {
    const focus = this.tracks[this.focused];
    this.tracks = tracks;
    this.focused = Math.max(0, tracks.indexOf(focus));
    this.space.style.height = `${tracks.length * ROW_HEIGHT}px`;
    this.scroller.setAttribute("aria-rowcount", tracks.length);
  }

  redraw() {
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / ROW_HEIGHT) - 2);
    const last = Math.ceil((this.scroller.scrollTop + this.scroller.clientHeight) / ROW_HEIGHT) + 2;
    const shown = this.tracks.map((track, row) => ({ track, row })).slice(first, last);
    // The row that has the focus stays in the page, so that the keyboard does not lose its place.
    if (this.hasFocus() && (this.focused < first || this.focused >= last) && this.tracks[this.focused]) {
      shown.push({ track: this.tracks[this.focused], row: this.focused });
    }
    const rows = d3.select(this.space).selectAll("div.row").data(shown, (item) => item.track.key);
    rows.exit().remove();
    const all = this.add(rows.enter()).merge(rows).order();
    all
      .attr("aria-rowindex", (item) => item.row + 1)
      .attr("aria-label", (item) => this.label(item.track))
      .attr("tabindex", (item) => (item.row === this.focused ? 0 : -1))
      .style("transform", (item) => `translateY(${item.row * ROW_HEIGHT}px)`);
    const scale = this.scale;
    all.select("svg").each(function (item) { drawBars(d3.select(this), item.track, scale); });
    this.light();
  }

  /** New rows: a name and a lane. A row's datum changes, so listeners take it from their argument. */
  add(entering) {
    const added = entering.append("div").attr("role", "row");
    added.attr("class", (item) => `row ${item.track.group}`);
    const name = added.append("div").attr("class", "name").attr("role", "rowheader");
    name.attr("title", (item) => `${item.track.words.slice(0, 5 * LONGEST)} (${item.track.group})`);
    name.append("span").attr("class", "mark").attr("aria-hidden", "true").text((item) => GROUP_MARKS[item.track.group]);
    name.selectAll("bdi").data((item) => READING[item.track.group].map((part) => [part, item.track[part]]))
      .enter().append("bdi").attr("class", ([part]) => part).text(([, text]) => text);
    added.append("div").attr("class", "lane").attr("role", "gridcell").append("svg").attr("height", ROW_HEIGHT);
    added
      .on("mouseenter", (item) => this.store.point({ track: item.track }))
      .on("mouseleave", () => this.store.point(null))
      .on("focus", (item) => {
        this.focusOn(item.row, false);
        this.store.point({ track: item.track });
      })
      .on("blur", () => this.store.point(null))
      .on("keydown", (item) => this.press(d3.event, item));
    name.on("click", (item) => {
      this.focusOn(item.row);
      this.store.pin({ track: item.track });
    });
    return added;
  }

  label(track) {
    const counts = d3.nest().key((segment) => segment.verdict).entries(track.segments);
    const bars = counts.map(({ key, values }) => `${values.length} ${key}`).join(", ");
    return `${track.words.slice(0, LONGEST)}, ${track.group}, bars: ${bars}`;
  }

  hasFocus() {
    return Boolean(document.activeElement && document.activeElement.closest("#rows .row"));
  }

  focusOn(row, move = true) {
    this.focused = Math.max(0, Math.min(this.tracks.length - 1, row));
    const rows = d3.select(this.space).selectAll("div.row");
    rows.attr("tabindex", (item) => (item.row === this.focused ? 0 : -1));
    if (!move || !this.tracks.length) return;
    this.scrollTo(this.focused);
    d3.select(this.space).selectAll("div.row").filter((item) => item.row === this.focused).node().focus();
  }

  /** Brings the pinned track into sight. */
  reveal() {
    const row = this.store.pinned ? this.tracks.indexOf(this.store.pinned.track) : -1;
    if (row >= 0) this.scrollTo(row);
  }

  scrollTo(row) {
    const top = row * ROW_HEIGHT;
    const height = this.scroller.clientHeight;
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    if (top + ROW_HEIGHT > this.scroller.scrollTop + height) this.scroller.scrollTop = top + ROW_HEIGHT - height;
    this.redraw();
  }

  /** The keys of a row: Enter goes to its next bar. The other rows are reached by up and down, wherever the focus is. */
  press(event, item) {
    if (event.key !== "Enter") return;
    event.preventDefault();
    const starts = item.track.segments.map((segment) => segment.from);
    const next = starts.find((from) => from > this.store.position);
    this.player.seek(next === undefined ? starts[0] : next);
  }

  light() {
    const lit = this.store.lit();
    const present = new Set(this.store.visible().map((shown) => shown.relation.track));
    d3.select(this.space).selectAll("div.row")
      .classed("lit", (item) => Boolean(lit) && lit.tracks.has(item.track))
      .classed("present", (item) => present.has(item.track));
  }
}

/** Draws the bars of a track: one path for each verdict. */
function drawBars(svg, track, scale) {
  const width = scale.range()[1];
  svg.attr("width", width);
  const verdicts = VERDICTS.filter((verdict) => track.segments.some((segment) => segment.verdict === verdict));
  const paths = svg.selectAll("path").data(verdicts, (verdict) => verdict);
  paths.exit().remove();
  paths.enter().append("path").merge(paths)
    .attr("class", (verdict) => `bars ${asClass(verdict)}`)
    .attr("d", (verdict) => barPath(track.segments.filter((segment) => segment.verdict === verdict), scale, verdict));
}

/** Rectangles from start to end of each segment, at least two pixels wide and a pixel apart. */
function barPath(segments, scale, verdict) {
  // The line around a hollow bar lies inside of it.
  const inset = verdict === "missed" ? 0.75 : 0;
  return segments.map(({ start, end }) => {
    const left = scale(start) + inset;
    const width = Math.max(2, scale(end) - scale(start) - 1) - 2 * inset;
    const height = BAR.height - 2 * inset;
    return `M${left.toFixed(1)},${BAR.top + inset}h${Math.max(0.5, width).toFixed(1)}v${height}H${left.toFixed(1)}z`;
  }).join("");
}
