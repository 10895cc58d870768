// What has changed, the newest first, each with the evidence that it was decided on.
import {$, make, mark, show, speak} from './dom.js'
import {clock, day, lapse, latency, number} from './format.js'

const KEPT = 1000  // as many as the proxy keeps
const SHOWN = 200
const BAD = new Set(['ejected', 'down', 'unreachable', 'lost'])
const GOOD = new Set(['returned', 'up', 'reachable', 'ready', 'resumed'])
const GROUPS = {
  'everything': () => true,
  'what fails': event => BAD.has(event.kind),
  'endpoints': event => event.endpoint !== null,
  'orders': event => ['order', 'weight', 'added', 'removed', 'paused', 'resumed', 'level', 'reload'].includes(event.kind),
  'processes': event => ['ready', 'lost', 'draining', 'stopping', 'reload'].includes(event.kind),
}
const WORDS = {
  in_flight: 'in flight', latency: 'latency', answers: 'answers of late', errors: 'errors of late',
  failures: 'failures in a row', refusals: 'connects refused in a row', ejections: 'ejections in a row', seconds: 'for',
}

const FORMS = {latency, seconds: lapse}

const lookOf = kind => BAD.has(kind) ? 'bad' : GOOD.has(kind) ? 'good' : 'idle'

function evidence(figures) {
  return make('dl', {class: 'evidence'}, ...Object.entries(figures).filter(([, value]) => value).map(([name, value]) =>
    make('div', {}, make('dt', {}, WORDS[name] ?? name), make('dd', {}, (FORMS[name] ?? number)(value)))))
}

function row(event) {
  const about = [event.pool, event.endpoint].filter(Boolean).join(' · ')
  const item = make('li', {'data-look': lookOf(event.kind), 'data-kind': event.kind},
    make('p', {class: 'what'},
      make('time', {datetime: new Date(event.time * 1000).toISOString(), title: day(event.time)}, clock(event.time)), ' ',
      make('span', {class: 'kind'}, event.kind), ' ', make('span', {class: 'address'}, about || event.from)),
    make('p', {class: 'text'}, event.text, ' ', about ? make('span', {class: 'soft'}, `(${event.from})`) : ''))
  if (Object.values(event.figures).some(Boolean)) {
    item.append(BAD.has(event.kind) ? evidence(event.figures)
      : make('details', {}, make('summary', {}, 'Evidence'), evidence(event.figures)))
  }
  return item
}

export class Events {
  constructor() {
    this.events = [] // the newest first
    for (const name of Object.keys(GROUPS)) $('events-kind').append(make('option', {value: name}, name))
    $('events-kind').addEventListener('change', () => this.#list())
    $('events-about').addEventListener('input', () => this.#list())
  }

  clear() {
    this.events = []
    this.#list()
  }

  add(event) {
    this.events.unshift(event)
    this.events.splice(KEPT)
    if (BAD.has(event.kind) && Date.now() / 1000 - event.time < 10) speak(`${event.endpoint ?? event.from}: ${event.text}`)
    if (this.#wanted(event)) {
      $('events').prepend(row(event))
      this.#reach()
      if ($('events').childElementCount > SHOWN) $('events').lastChild.remove()
      show($('events-empty'), false)
    }
  }

  /** What scrolls must be reached by keyboard, too. */
  #reach() {
    mark($('events'), 'tabindex', $('events').scrollHeight > $('events').clientHeight ? '0' : null)
  }

  #wanted(event) {
    const word = $('events-about').value.trim().toLowerCase()
    const text = [event.kind, event.pool, event.endpoint, event.text, event.from].join(' ').toLowerCase()
    return GROUPS[$('events-kind').value](event) && text.includes(word)
  }

  #list() {
    const found = this.events.filter(event => this.#wanted(event)).slice(0, SHOWN)
    $('events').replaceChildren(...found.map(row))
    show($('events-empty'), !found.length)
    this.#reach()
  }
}
