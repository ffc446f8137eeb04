// Movies: fetched by script (a page from disk may load nothing else), unpacked to grey levels.

/** Scripts under data/ hand their contents over here. */
const store = {
  waiting: new Map(),
  kept: new Map(),
  /** Loads a data file; the last few are kept. */
  load(key, file) {
    if (this.kept.has(key)) return this.kept.get(key);
    const promise = new Promise((resolve, reject) => {
      this.waiting.set(key, resolve);
      const script = el("script", {
        src: file,
        onerror: () => reject(new Error(`${file} is missing or damaged`)),
      });
      document.head.append(script);
    });
    this.kept.set(key, promise);
    promise.catch(() => this.kept.delete(key));
    if (this.kept.size > 12) this.kept.delete(this.kept.keys().next().value);
    return promise;
  },
  take(key, data) {
    const resolve = this.waiting.get(key);
    this.waiting.delete(key);
    if (resolve) resolve(data);
  },
};

/** Bytes of base64. */
function plainBytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** Bytes of a zlib stream in base64. */
async function bytes(text) {
  if (typeof DecompressionStream === "undefined") {
    throw new Error("this browser is too old to unpack movies; one from 2023 or later does");
  }
  const stream = new Blob([plainBytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Unpacks a movie: `pixels` holds the grey levels, `[frame, height, width]`. */
async function unpack(packed, height, width) {
  const pixels = await bytes(packed.data);
  const size = height * width;
  if (pixels.length !== packed.frames * size) throw new Error("a movie is damaged: its length is wrong");
  // Each frame was stored as its difference to the one before; the array wraps at 256 by itself.
  for (let at = size; at < pixels.length; at++) pixels[at] += pixels[at - size];
  return {
    first: packed.first,
    end: packed.first + packed.frames,
    frames: packed.frames,
    height,
    width,
    pixels,
    /** Grey levels of a frame of the trial; null where the movie has none. */
    at(frame) {
      const index = frame - this.first;
      return index < 0 || index >= this.frames
        ? null
        : this.pixels.subarray(index * size, (index + 1) * size);
    },
  };
}
