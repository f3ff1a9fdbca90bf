// Puts the parts together.

function main() {
  const model = new Model(JSON.parse(document.getElementById("payload").textContent));
  const store = new Store(model);
  describe(model);
  const frame = new FrameView(model, store);
  const player = new Player(model, store, model.video.source ? frame.picture : new Clock(model.lastTime()));
  addTransport(model, store, player, frame);
  const filters = new Filters(model, store);
  const graph = new GraphView(model, store);
  const timeline = new Timeline(model, store, player);
  listenToKeys({ model, store, player, filters, graph, timeline, rows: timeline.rows });
  player.seek(0);
  document.body.dataset.ready = "yes";
}

/** The heading and what the document says about itself. */
function describe(model) {
  const { video } = model;
  d3.select("#title").text(model.title);
  const relations = d3.sum(model.frames, (frame) => frame.relations.filter((relation) => !relation.annotated).length);
  const facts = [
    `${video.width} × ${video.height}`, `${model.end.toFixed(1)} s`,
    `${counted(model.frames.length, "frame")} with graphs`, counted(relations, "relation"), model.about.method,
  ];
  d3.select("#facts").text(facts.filter(Boolean).join(" · "));
  const about = [
    ["Video", video.file], ["Frames a second", video.fps && Number(video.fps.toFixed(3))], ["Frames", video.frames],
    ["Method", model.about.method], ["Config", model.about.config], ["Weights", model.about.weights],
    ["Priors", model.about.priors], ["Drawn with", `d3 ${d3.version} (BSD licence, d3js.org)`],
  ].filter(([, value]) => value !== null && value !== undefined && value !== "");
  const items = d3.select("#about-list").selectAll("div").data(about).enter().append("div");
  items.append("dt").text(([name]) => name);
  items.append("dd").attr("dir", "auto").text(([, value]) => value);
}

function addTransport(model, store, player, frame) {
  d3.select("#play").on("click", () => player.toggle());
  d3.select("#back").on("click", () => player.step(-1));
  d3.select("#next").on("click", () => player.step(1));
  d3.select("#speed").on("change", function () { player.source.playbackRate = Number(this.value); });
  d3.select("#seek").attr("max", model.frames.length - 1).on("input", function () { player.seek(Number(this.value)); });
  const show = () => {
    d3.select("#seek").property("value", store.position)
      .attr("aria-valuetext", `frame ${store.position + 1}, ${clockTime(store.frame.time)}`);
    d3.select("#clock").text(`${clockTime(store.frame.time)} · ${store.position + 1} of ${model.frames.length}`);
  };
  store.on("frame.transport", show);
  show();
  frame.picture.addEventListener("error", () => {
    if (frame.picture.tagName !== "VIDEO") return;
    d3.select("#notice").property("hidden", false)
      .text(`${model.video.file || "The video"} cannot be played: it must lie beside this file, in a format this browser plays.`);
    frame.picture.hidden = true;
    player.listen(new Clock(model.lastTime()));
    player.seek(store.position);
  });
}

main();
