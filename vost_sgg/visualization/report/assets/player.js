// Plays the video, or where there is none the frames, and tells the store the time.

/** What the player needs of a video element, for a report without one. */
class Clock extends EventTarget {
  constructor(duration) {
    super();
    this.duration = duration;
    this.paused = true;
    this.at = 0;
    this.rate = 1;
  }

  get currentTime() {
    if (this.paused) return this.at;
    return Math.min(this.duration, this.at + ((performance.now() - this.since) / 1000) * this.rate);
  }

  set currentTime(time) {
    this.at = Math.max(0, Math.min(this.duration, time));
    this.since = performance.now();
  }

  set playbackRate(rate) {
    this.currentTime = this.currentTime;
    this.rate = rate;
  }

  play() {
    this.since = performance.now();
    this.paused = false;
    this.dispatchEvent(new Event("play"));
    return Promise.resolve();
  }

  pause() {
    this.at = this.currentTime;
    this.paused = true;
    this.dispatchEvent(new Event("pause"));
  }
}

class Player {
  constructor(model, store, source) {
    this.model = model;
    this.store = store;
    this.listen(source);
  }

  /** Plays another source from where this one is; a video that cannot be played is replaced by a clock. */
  listen(source) {
    this.source = source;
    for (const name of ["play", "pause"]) {
      source.addEventListener(name, () => this.source === source && this.follow());
    }
    for (const name of ["seeked", "timeupdate"]) {
      source.addEventListener(name, () => this.source === source && !this.going && this.read());
    }
    this.follow();
  }

  get playing() {
    return !this.source.paused;
  }

  follow() {
    d3.select("#play").attr("aria-label", this.playing ? "Pause" : "Play")
      .select("path").attr("d", this.playing ? "M1,0h3.5v12H1zM7.5,0H11v12H7.5z" : "M1.5,0v12l10,-6z");
    if (this.playing && !this.going) {
      this.going = true;
      requestAnimationFrame(() => this.tick());
    }
  }

  tick() {
    if (!this.playing) {
      this.going = false;
      return;
    }
    this.read();
    if (this.source.currentTime >= this.source.duration) this.source.pause();
    requestAnimationFrame(() => this.tick());
  }

  read() {
    this.store.showTime(this.source.currentTime);
  }

  toggle() {
    if (this.playing) return this.source.pause();
    if (this.source.currentTime >= this.model.lastTime() - 1e-3) this.seek(0);
    return this.source.play().catch(() => this.follow());
  }

  /** Goes to a frame: to the middle of its picture, so that rounding cannot show the one before it. */
  seek(position) {
    const place = Math.max(0, Math.min(this.model.times.length - 1, position));
    const picture = this.model.video.fps ? 1 / this.model.video.fps : Infinity;
    const span = Math.min(picture, this.model.endOf(place) - this.model.times[place]);
    this.source.currentTime = this.model.times[place] + span / 2;
    this.store.showTime(this.model.times[place] + span / 2);
  }

  seekTime(time) {
    this.seek(this.model.positionAt(time));
  }

  step(frames) {
    this.source.pause();
    this.seek(this.store.position + frames);
  }
}
