type Attributes = Readonly<Record<string, string>>
type Child = Node | string

const SVG = 'http://www.w3.org/2000/svg'

/** An HTML element. Text becomes text, never markup, whatever is in it. */
export const el = <K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  children: readonly Child[] = [],
): HTMLElementTagNameMap[K] => {
  const made = document.createElement(tag)
  dress(made, attributes, children)
  return made
}

/** The same of SVG. */
export const svg = <K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  children: readonly Child[] = [],
): SVGElementTagNameMap[K] => {
  const made = document.createElementNS(SVG, tag)
  dress(made, attributes, children)
  return made
}

const dress = (made: Element, attributes: Attributes, children: readonly Child[]): void => {
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  made.append(...children)
}

/** Changes a text only where it differs, so that a selection survives. */
export const say = (node: Element, text: string): void => {
  if (node.textContent !== text) node.textContent = text
}

/** A titled part of the page. */
export const panel = (title: string, ...children: readonly Child[]): HTMLElement => {
  const id = `panel-${title.toLowerCase().replace(/\W+/g, '-')}`
  return el('section', { class: 'panel', 'aria-labelledby': id }, [
    el('h2', { id }, [title]),
    ...children,
  ])
}
