// Screens: canvases of a movie's own size, enlarged by the browser; what is drawn on them, pixel by pixel.

/** How movies are shown, for all of them. */
const look = { matched: false, smooth: false };

/** A canvas with its title; `paint(frame, levels)` fills red, green, blue, alpha and says whether it could. */
function screen({ title, alt, height, width, outline, paint, reading, wide, run }) {
  const canvas = el("canvas", { width, height, role: "img", "aria-label": alt });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const value = el("span", { class: "reading" });
  const label = el("figcaption", {}, title, value);
  const frame = el("div", { class: "frame" }, canvas, outline ? outlineOf(outline, height, width) : null);
  const node = el("figure", { class: wide ? "screen wide" : "screen" }, label, frame);
  return {
    node,
    canvas,
    title,
    run,
    show(at) {
      if (paint(at, image.data)) context.putImageData(image, 0, 0);
      else context.clearRect(0, 0, width, height);
      if (reading) value.textContent = reading(at);
    },
  };
}

/** The border between scored pixels and others, drawn over a screen. */
function outlineOf(mask, height, width) {
  let path = "";
  const inside = (y, x) => y >= 0 && x >= 0 && y < height && x < width && mask[y * width + x] === 1;
  for (let y = 0; y <= height; y++)
    for (let x = 0; x <= width; x++) {
      if (inside(y, x) !== inside(y - 1, x)) path += `M${x} ${y}h1`;
      if (inside(y, x) !== inside(y, x - 1)) path += `M${x} ${y}v1`;
    }
  const attributes = {
    viewBox: `0 0 ${width} ${height}`,
    preserveAspectRatio: "none",
    class: "outline",
    "aria-hidden": "true",
  };
  return svg("svg", attributes, svg("path", { d: path }));
}

function gray(data, at, level) {
  data[4 * at] = data[4 * at + 1] = data[4 * at + 2] = level;
  data[4 * at + 3] = 255;
}

/** The level of a reconstruction at the luminance and contrast of the truth, if asked for. */
function matching([gain, offset], mask) {
  const matched = (level) => Math.min(255, Math.max(0, gain * level + offset));
  const works = gain !== null && offset !== null;
  return (level, at) => (look.matched && works && mask[at] === 1 ? matched(level) : level);
}

/** Paints a movie as it is, or through `adjust`. */
function grayPaint(movie, adjust = (level) => level) {
  return (frame, data) => {
    const levels = movie.at(frame);
    if (!levels) return false;
    for (let at = 0; at < levels.length; at++) gray(data, at, adjust(levels[at], at));
    return true;
  };
}

/** Paints what one movie has more or less than another, where pixels are scored. */
function differencePaint(movie, truth, mask, adjust) {
  return (frame, data) => {
    const [levels, true_levels] = [movie.at(frame), truth.at(frame)];
    if (!levels || !true_levels) return false;
    const [less, none, more] = ["--less", "--even", "--more"].map(themeColor);
    for (let at = 0; at < levels.length; at++) {
      const difference = mask[at] === 1 ? (adjust(levels[at], at) - true_levels[at]) / 128 : 0;
      const pole = difference < 0 ? less : more;
      const share = Math.min(1, Math.abs(difference));
      for (let c = 0; c < 3; c++) data[4 * at + c] = none[c] + (pole[c] - none[c]) * share;
      data[4 * at + 3] = 255;
    }
    return true;
  };
}

/** Paints values between low and high from the theme's palest to its strongest colour. */
function rampPaint(values, low, high) {
  return (frame, data) => {
    const [pale, strong] = ["--ramp-low", "--ramp-high"].map(themeColor);
    values.forEach((value, at) => {
      const share = Math.min(1, Math.max(0, ((value ?? low) - low) / (high - low)));
      for (let c = 0; c < 3; c++) data[4 * at + c] = pale[c] + (strong[c] - pale[c]) * share;
      data[4 * at + 3] = 255;
    });
    return true;
  };
}
