/** Builds the page. User content is inserted as text nodes only, so it can never become markup. */
const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element: el("button.primary", { onclick }, "Send"). Properties may be left out; what the element does not
 * have as a property becomes an attribute; empty children are left out.
 */
export function el(selector, ...parts) {
  const [tag, ...classes] = selector.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  if (tag === "button") node.type = "button"; // unless set to "submit"
  const hasProperties = parts[0]?.constructor === Object;
  if (hasProperties) setAll(node, parts.shift());
  node.append(...parts.flat().filter((child) => child != null && child !== false));
  return node;
}

function setAll(node, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#icon-${name}`); // drawn in index.html
  svg.append(use);
  return svg;
}

/** A button with an icon, labelled `label`. */
export function iconButton(name, label, onclick = null) {
  return el(`button.icon-button.${name}`, { ariaLabel: label, title: label, onclick }, icon(name));
}

/** Make `parent`'s children match `items`. Nodes are known by key and stay, so that focus and scroll stay too. */
export function reconcile(parent, items, { key, create, update }) {
  const keys = new Set(items.map(key));
  for (const node of [...parent.children]) if (!keys.has(node.dataset.key)) node.remove();
  const nodes = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  let next = parent.firstElementChild;
  for (const item of items) {
    const node = nodes.get(key(item)) ?? create(item);
    node.dataset.key = key(item);
    update(node, item);
    if (node === next) next = next.nextElementSibling;
    else parent.insertBefore(node, next);
  }
}

/** Replace the content of `node` if `stamp`, which represents all its inputs, has changed. */
export function redraw(node, stamp, draw) {
  const text = JSON.stringify(stamp);
  if (node.dataset.stamp === text) return;
  const hadFocus = node.contains(document.activeElement) && node !== document.activeElement;
  node.dataset.stamp = text;
  node.replaceChildren(...[draw()].flat().filter(Boolean));
  if (hadFocus) node.focus();
}

/** Let `button` open `panel` below itself; the browser closes it on Escape and on a click elsewhere. */
export function dropdown(button, panel) {
  panel.popover = "auto";
  button.popoverTargetElement = panel;
  panel.addEventListener("toggle", ({ newState }) => {
    button.ariaExpanded = String(newState === "open");
    if (newState === "open") placeBelow(button, panel);
  });
}

/** Put an open popover below `button`, inside the window. */
export function placeBelow(button, panel) {
  const { right, bottom } = button.getBoundingClientRect();
  const lowest = innerHeight - panel.offsetHeight - 8;
  panel.style.left = `${Math.max(8, right - panel.offsetWidth)}px`;
  panel.style.top = `${Math.max(8, Math.min(bottom + 6, lowest))}px`;
}
