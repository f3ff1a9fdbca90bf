// The filters' controls.

class Filters {
  constructor(model, store) {
    this.model = model;
    this.store = store;
    this.form = document.getElementById("filters");
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("reset", (event) => {
      event.preventDefault();
      store.clear();
      store.filter({});
    });
    d3.select("#query").on("input", function () { store.filter({ query: this.value.trim().toLowerCase() }); });
    d3.select("#threshold").on("input", function () { store.filter({ threshold: Number(this.value) }); });
    this.toggles("#groups", "groups", GROUPS, GROUP_MARKS);
    if (model.judged) {
      // A frame without a ground truth has relations that nothing was compared with.
      const met = ["hit", "missed", "false alarm"].concat(hasUnjudged(model) ? ["predicted"] : []);
      this.toggles("#verdicts", "verdicts", met, VERDICT_MARKS);
      document.getElementById("verdicts").hidden = false;
    }
    this.menu("#objects", "objects", "object");
    this.menu("#predicates", "predicates", "predicate");
    document.addEventListener("click", (event) => this.closeMenus(event.target));
    store.on("filter.controls", () => this.show());
    this.show();
  }

  /** A button for each value of a set; a pressed one lets its relations pass. */
  toggles(place, name, values, marks) {
    const buttons = d3.select(place).selectAll("button").data(values).enter().append("button");
    buttons.attr("type", "button").attr("class", (value) => `toggle ${asClass(value)}`);
    buttons.append("span").attr("class", "mark").attr("aria-hidden", "true").text((value) => marks[value]);
    buttons.append("span").text((value) => value);
    buttons.on("click", (value) => this.toggle(name, value));
  }

  toggle(name, value) {
    const values = new Set(this.store[name]);
    if (!values.delete(value)) values.add(value);
    this.store.filter({ [name]: values });
  }

  /** A list of boxes to tick, one for each class of the tracks; none ticked lets all pass. */
  menu(place, name, part) {
    const counts = d3.nest().key((track) => track[part]).entries(this.model.tracks);
    counts.sort((one, other) => d3.ascending(one.key, other.key));
    const choices = d3.select(`${place} .choices`).selectAll("label").data(counts).enter().append("label");
    choices.append("input").attr("type", "checkbox").on("change", ({ key }) => {
      const values = new Set(this.store[name] || []);
      if (!values.delete(key)) values.add(key);
      this.store.filter({ [name]: values.size ? values : null });
    });
    choices.append("bdi").text(({ key }) => key).attr("title", ({ key }) => key.slice(0, LONGEST));
    choices.append("small").text(({ values }) => values.length);
  }

  closeMenus(target) {
    for (const menu of document.querySelectorAll("details.menu[open], #about[open]")) {
      if (!target || !menu.contains(target)) menu.open = false;
    }
  }

  /** Shows the store's filters in the controls, whoever has set them. */
  show() {
    const { store } = this;
    const query = document.getElementById("query");
    if (query.value.trim().toLowerCase() !== store.query) query.value = store.query;
    document.getElementById("threshold").value = store.threshold;
    d3.select("#threshold-value").text(store.threshold.toFixed(2));
    for (const name of ["groups", "verdicts"]) {
      d3.selectAll(`#${name} button`).attr("aria-pressed", (value) => store[name].has(value));
    }
    for (const name of ["objects", "predicates"]) {
      const chosen = store[name];
      d3.select(`#${name} summary`).text(`${name === "objects" ? "Objects" : "Predicates"}: ${chosen ? chosen.size : "all"}`);
      d3.selectAll(`#${name} input`).property("checked", ({ key }) => Boolean(chosen) && chosen.has(key));
    }
  }
}

function hasUnjudged(model) {
  return model.frames.some((frame) => frame.relations.some((relation) => relation.hit === null && !relation.annotated));
}
