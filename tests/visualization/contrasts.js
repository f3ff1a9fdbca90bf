// Of each text in sight: [its element, what it says, WCAG's contrast of its colour with the ground under it].
() => {
  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = pen.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = (top, ground) => [0, 1, 2].map((i) => top[i] * top[3] + ground[i] * (1 - top[3])).concat(1);
  const luminance = (colour) => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => {
    const value = colour[i] / 255;
    return sum + weight * (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  }, 0);
  const ground = (element) => {
    const under = element.parentElement ? ground(element.parentElement) : rgba("Canvas");
    return over(rgba(getComputedStyle(element).backgroundColor), under);
  };
  // A label of the graph stands on its rectangle; on hatches it has a rim of its own, wider than they are apart.
  const plate = (text) => {
    const [own, rectangle] = [text, text.parentNode.querySelector("rect") || text].map((it) => getComputedStyle(it));
    const fill = own.stroke === "none" ? rectangle.fill : own.stroke;
    return fill === "none" || text.closest(".axis") ? ground(text) : over(rgba(fill), ground(text));
  };
  const contrast = (element, ink, under) => {
    let opacity = 1;
    for (let it = element; it; it = it.parentElement) opacity *= getComputedStyle(it).opacity;
    const [red, green, blue, alpha] = rgba(ink);
    const lights = [over([red, green, blue, alpha * opacity], under), under].map(luminance);
    return (Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05);
  };
  const found = [];
  for (const element of document.querySelectorAll("body, body *:not(script, title, option)")) {
    const words = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE)
      .map((node) => node.data).join("").trim();
    const style = getComputedStyle(element, element.placeholder ? "::placeholder" : null);
    const drawn = element.closest("svg");
    const seen = element.checkVisibility({ visibilityProperty: true }) && !element.closest(".unseen, .dim");
    if (!seen || !(words || element.placeholder || element.tagName === "SELECT")) continue;
    const name = `${element.tagName.toLowerCase()}.${(element.closest("[id]") || {}).id}`;
    const pair = drawn ? [style.fill, plate(element)] : [style.color, ground(element)];
    found.push([name, words || element.placeholder || element.value, contrast(element, ...pair)]);
  }
  return found;
}
