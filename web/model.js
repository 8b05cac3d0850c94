/** State watched by views. Several changes in one turn cause one callback, before the next paint. */
export class Model {
  #watchers = new Set();
  #due = false;

  watch(callback) {
    this.#watchers.add(callback);
  }

  unwatch() {
    this.#watchers.clear();
  }

  changed() {
    if (this.#due) return;
    this.#due = true;
    nextPaint(() => {
      this.#due = false;
      for (const callback of this.#watchers) callback();
    });
  }
}

function nextPaint(callback) {
  // A hidden page paints nothing, but its title still counts unread messages.
  if (document.hidden) setTimeout(callback, 100);
  else requestAnimationFrame(callback);
}
