// Requests that failed and those that took longest, of those that the workers remember.
import {$, Rows, make, mark, say, show} from './dom.js'
import {ask} from './api.js'
import {clock, latency, octets, plural} from './format.js'
import {explain} from './why.js'

const EVERY = 3000 // ms: the workers put the list together between two exchanges, so seldom
const MOST = 30
const RECENT = 300 // seconds: what was slow before that is not "now"

const took = request => request.milliseconds / 1000
// 499: the client went away before it had an answer.
const lookOf = ({status}) => status >= 500 || status === 0 ? 'bad' : status >= 400 ? 'warn' : 'good'

function whereTo({route, pool, endpoint, attempts}) {
  const way = [route, pool, endpoint].filter(Boolean).join(' → ') || 'no route'
  return attempts > 1 ? `${way}, ${plural(attempts, 'attempt')}` : way
}

function begin(request) {
  const element = make('li', {'data-look': lookOf(request)},
    make('p', {class: 'what'}, make('time', {}, clock(request.ended)), ' ',
      make('span', {class: 'kind'}, String(request.status || 'none')),
      make('b', {class: 'took'}, latency(took(request))), ' ',
      make('span', {class: 'address'}, `${request.method} ${request.target}`)),
    make('p', {class: 'text'}, make('span', {class: 'soft'}, whereTo(request)),
      request.why ? ` ${request.why}` : ''),
    make('button', {type: 'button', class: 'why', 'aria-label': `Why? ${request.method} ${request.target}, ${clock(request.ended)}`,
      title: `${request.host}, from ${request.client}, ${octets(request.octets)}, ${request.id}`,
      onclick: () => explain(request)}, 'Why?'))
  return {element, update() {}}
}

class List {
  constructor(title, empty) {
    this.list = make('ol', {class: 'events requests'})
    this.empty = make('p', {class: 'empty'}, empty)
    this.element = make('div', {}, make('h3', {}, title), this.list, this.empty)
    this.rows = new Rows(this.list, request => `${request.from} ${request.id} ${request.ended.toFixed(2)}`, begin)
  }

  /** It stands still while somebody is in it, so that nobody presses what has just moved there. */
  update(requests) {
    if (this.list.matches(':hover, :focus-within')) return
    this.rows.update(requests.slice(0, MOST))
    show(this.empty, !requests.length)
    // What scrolls must be reached by keyboard, too.
    mark(this.list, 'tabindex', this.list.scrollHeight > this.list.clientHeight ? '0' : null)
  }
}

export class Requests {
  constructor() {
    this.failed = new List('Failed', 'No request has failed of late.')
    this.slow = new List('Slowest', 'None yet.')
    this.error = make('p', {class: 'empty', hidden: true})
    $('requests').append(make('div', {class: 'pair'}, this.failed.element, this.slow.element), this.error)
    this.asked = 0
  }

  /** Called with every word of the stream: asks only while somebody looks. */
  async refresh() {
    if (document.hidden || Date.now() - this.asked < EVERY) return
    this.asked = Date.now()
    try {
      this.#show(await ask('/api/requests'))
      show(this.error, false)
    } catch (error) {
      say(this.error, `The requests are not known: ${error.message}.`)
      show(this.error, true)
    }
  }

  #show({last, remarkable}) {
    const all = new Map([...last, ...remarkable].map(one => [`${one.from} ${one.id} ${one.ended.toFixed(2)}`, one]))
    const since = Date.now() / 1000 - RECENT
    const recent = [...all.values()].filter(one => one.ended > since)
    this.failed.update(recent.filter(one => one.status >= 499 || one.status === 0).sort((a, b) => b.ended - a.ended))
    this.slow.update(recent.filter(one => one.status !== 101).sort((a, b) => took(b) - took(a)))
  }
}
