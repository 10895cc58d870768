// What goes to the proxy and comes from it. The token is kept for this tab alone, and is sent to nobody else.
import {$, say, show} from './dom.js'

const KEY = 'token'
const SILENCE = 5000 // ms without a word until a stream counts as lost: it says something every second

function headers(more) {
  const token = sessionStorage.getItem(KEY)
  return token === null ? more : {...more, Authorization: `Bearer ${token}`}
}

async function problem(response) {
  try {
    return (await response.json()).detail
  } catch {
    return `it answered ${response.status}`
  }
}

/** Ask for JSON, or order something with `body`; throws an Error whose message is for people. */
export async function ask(path, body) {
  const sent = body === undefined ? {headers: headers({})}
    : {method: 'POST', headers: headers({'Content-Type': 'application/json'}), body: JSON.stringify(body)}
  const response = await fetch(path, sent).catch(() => { throw new Error('the proxy cannot be reached') })
  if (response.ok) return response.json()
  throw Object.assign(new Error(await problem(response)), {status: response.status})
}

export function path(...parts) {
  return '/api/' + parts.map(encodeURIComponent).join('/')
}

/** Have a token asked for; resolves once there is one. */
function enter(why) {
  const [door, form, input] = [$('door'), $('door-form'), $('door-token')]
  say($('door-wrong'), why)
  show($('door-wrong'), why !== '')
  if (!door.open) door.showModal()
  input.focus()
  return new Promise(resolve => {
    door.oncancel = event => event.preventDefault()
    form.onsubmit = event => {
      event.preventDefault()
      sessionStorage.setItem(KEY, input.value.trim())
      input.value = ''
      door.close()
      resolve()
    }
  })
}

export function hasToken() {
  return sessionStorage.getItem(KEY) !== null
}

export function forget() {
  sessionStorage.removeItem(KEY)
  location.reload()
}

/** Server-sent events by fetch: an EventSource cannot send a token. */
export class Stream {
  /** `on` has functions by event; `state(look, text)` is told how the stream is. */
  constructor(on, state) {
    this.on = on
    this.state = state
    this.last = 0
    this.pause = 500
  }

  async run() {
    for (;;) {
      try {
        await this.#follow()
        this.state('wait', 'connecting again')
      } catch (error) {
        if (error.status === 401) {
          await enter(hasToken() ? 'That is not the token.' : '')
          continue
        }
        this.state('bad', `lost: ${error.message}`)
      }
      await new Promise(resolve => setTimeout(resolve, this.pause))
      this.pause = Math.min(this.pause * 2, 8000)
    }
  }

  /** Begin again, with all events that are kept. */
  restart() {
    this.last = 0
    this.abort?.abort()
  }

  async #follow() {
    const abort = this.abort = new AbortController()
    let watch = setTimeout(() => abort.abort(), SILENCE)
    try {
      const response = await fetch(`/api/stream?after=${this.last}`, {headers: headers({}), signal: abort.signal})
        .catch(() => { throw new Error('the proxy cannot be reached') })
      if (!response.ok) throw Object.assign(new Error(await problem(response)), {status: response.status})
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      let rest = ''
      for (;;) {
        const {value, done} = await reader.read().catch(() => ({done: true}))
        if (done) return
        clearTimeout(watch)
        watch = setTimeout(() => abort.abort(), SILENCE)
        const frames = (rest + value).split('\n\n')
        rest = frames.pop()
        frames.forEach(frame => this.#take(frame))
      }
    } finally {
      clearTimeout(watch)
    }
  }

  #take(frame) {
    const fields = {}
    for (const line of frame.split('\n')) {
      const colon = line.indexOf(': ')
      if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 2)
    }
    if (fields.data === undefined) return
    if (fields.id !== undefined) this.last = Number(fields.id)
    this.pause = 500
    this.state('good', 'live')
    this.on[fields.event]?.(JSON.parse(fields.data))
  }
}
