"""How legible the texts of a page are."""

# The WCAG 2 contrast ratio of every text and its background: each colour is drawn over those behind
# it, and read back.
CONTRASTS = """() => {
  const brush = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  const read = colours => {
    for (const colour of colours) { brush.fillStyle = colour; brush.fillRect(0, 0, 1, 1); }
    const [r, g, b] = [...brush.getImageData(0, 0, 1, 1).data].map(
      v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const ratio = node => {
    const behind = [];
    for (let at = node; at; at = at.parentElement)
      behind.unshift(getComputedStyle(at).backgroundColor);
    const style = getComputedStyle(node);
    const text = node instanceof SVGElement ? style.fill : style.color;
    const [dark, light] = [read(behind), read([...behind, text])].sort((a, b) => a - b);
    return (light + .05) / (dark + .05);
  };
  const hasText = node => [...node.childNodes].some(n => n.nodeType == 3 && n.data.trim());
  const ratios = {};
  for (const node of document.body.querySelectorAll("*"))
    if (hasText(node)) {
      const key = `${node.localName}.${node.getAttribute("class")} ${node.style.cssText}`;
      ratios[key] = ratio(node);
    }
  return ratios;
}"""
