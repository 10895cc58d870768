// Making and changing elements. All text goes through textContent and attributes, never through markup: names,
// reasons and paths are what strangers wrote. Nothing is touched that has not changed, so focus and selection stay.

export const $ = id => document.getElementById(id)

/** An element; `attributes` may hold `onclick` and the like, too. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value)
    else mark(element, name, value)
  }
  element.append(...children)
  return element
}

/** Set an attribute; null and false take it away. */
export function mark(element, name, value) {
  if (value === null || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name)
  } else if (element.getAttribute(name) !== String(value === true ? '' : value)) {
    element.setAttribute(name, value === true ? '' : value)
  }
}

export function say(element, text) {
  if (element.textContent !== text) element.textContent = text
}

export function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible
}

/**
 * Elements of a list that comes again and again, each kept for as long as its key is there, behind `head`
 * if there is one. `begin(item)` gives {element, update(item)}.
 */
export class Rows {
  constructor(parent, keyOf, begin, head = null) {
    this.parent = parent
    this.keyOf = keyOf
    this.begin = begin
    this.head = head
    this.rows = new Map()
  }

  update(items) {
    const gone = new Map(this.rows)
    let after = this.head
    for (const item of items) {
      const key = this.keyOf(item)
      let row = this.rows.get(key)
      if (!row) this.rows.set(key, row = this.begin(item))
      gone.delete(key)
      row.update(item)
      const place = after ? after.nextSibling : this.parent.firstChild
      if (place !== row.element) this.parent.insertBefore(row.element, place)
      after = row.element
    }
    for (const [key, row] of gone) {
      row.element.remove()
      this.rows.delete(key)
    }
  }
}

let clearing = 0

/** A sentence for everybody, for a while. */
export function tell(text, look = 'good') {
  const note = $('note')
  mark(note, 'data-look', look)
  say(note, text)
  show(note, true)
  clearTimeout(clearing)
  clearing = setTimeout(() => show(note, false), look === 'bad' ? 12000 : 5000)
}

/** A sentence for those who listen. */
export function speak(text) {
  say($('spoken'), text)
}
