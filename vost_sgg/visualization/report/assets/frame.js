// The picture of the frame with the boxes of its objects.

class FrameView {
  constructor(model, store) {
    this.model = model;
    this.store = store;
    this.stage = document.getElementById("stage");
    this.stage.style.setProperty("--ratio", model.video.width / model.video.height);
    this.picture = this.addPicture();
    store.on("frame.picture", () => this.draw());
    store.on("filter.picture", () => this.draw());
    store.on("point.picture", () => this.light());
    d3.select("#boxes").on("click", () => store.pin(null));
    this.draw();
  }

  addPicture() {
    const images = Object.keys(this.model.images).length > 0;
    const picture = document.createElement(this.model.video.source ? "video" : "img");
    if (this.model.video.source) {
      Object.assign(picture, { muted: true, playsInline: true, preload: "auto", src: this.model.video.source });
      picture.setAttribute("aria-label", "Video");
    } else {
      picture.alt = "";
      picture.hidden = !images;
    }
    this.stage.prepend(picture);
    return picture;
  }

  draw() {
    if (this.picture.tagName === "IMG") {
      const image = this.model.images[this.store.frame.index];
      this.picture.hidden = !image;
      if (image && this.picture.src !== image) this.picture.src = image;
    }
    this.drawBoxes();
  }

  drawBoxes() {
    const related = new Set(this.store.visible().flatMap(({ relation }) => [relation.subject, relation.object]));
    const shown = [...this.store.frame.objects.values()].filter((item) => item.found || related.has(item.id));
    // The large ones first, so that a small one on a large one can be pointed at.
    shown.sort((one, other) => area(other.box) - area(one.box));
    const { width, height } = this.model.video;
    const inside = (box) => [0, 1, 2, 3].map((edge) => Math.max(0, Math.min(edge % 2 ? height : width, box[edge])));
    const boxes = d3.select("#boxes").selectAll("div.box").data(shown, (item) => item.id);
    boxes.exit().remove();
    const added = boxes.enter().append("div").attr("class", "box");
    added.append("span");
    added
      .on("mouseenter", (item) => this.store.point({ object: item.key }))
      .on("mouseleave", () => this.store.point(null))
      .on("click", (item) => {
        d3.event.stopPropagation();
        this.store.pin({ object: item.key });
      });
    const all = added.merge(boxes).order()
      .classed("person", (item) => item.class === "person")
      .classed("absent", (item) => !item.found)
      .classed("idle", (item) => !related.has(item.id))
      .classed("low", (item) => item.box[1] < 0.07 * height)
      .each(function (item) {
        const [left, top, right, bottom] = inside(item.box);
        const percent = { left: left / width, width: (right - left) / width, top: top / height, height: (bottom - top) / height };
        for (const [side, share] of Object.entries(percent)) this.style[side] = `${100 * share}%`;
      });
    all.select("span").text((item) => (item.found ? "" : "✕ ") + objectName(item).slice(0, LONGEST));
    const names = shown.filter((item) => related.has(item.id)).map((item) => objectName(item).slice(0, LONGEST));
    d3.select("#boxes").attr("aria-label", names.length ? `Boxes: ${names.join(", ")}` : "No boxes");
    this.light();
  }

  light() {
    const lit = this.store.lit();
    d3.select("#boxes").selectAll("div.box")
      .classed("lit", (item) => Boolean(lit) && lit.objects.has(item.id))
      .classed("dim", (item) => Boolean(lit) && !lit.objects.has(item.id));
  }
}

function area(box) {
  return (box[2] - box[0]) * (box[3] - box[1]);
}
