// Each pool with its endpoints: how they stand and why, what they do, and the buttons for what they should do.
import {$, Rows, make, mark, say, show} from './dom.js'
import {path} from './api.js'
import {Spark} from './charts.js'
import {order} from './confirm.js'
import {clock, lapse, latency, number, plural, rate as perSecond, share} from './format.js'

const LOOKS = {up: 'good', full: 'warn', warming: 'warn', trial: 'warn', draining: 'idle', disabled: 'idle'}
const WORKING = new Set(['up', 'warming', 'full', 'trial'])
const COLUMNS = {Endpoint: 'wide', State: 'wide', 'Requests/s': 'rated', Errors: '', p50: '', p95: '', p99: '', 'In flight': '',
  Orders: 'ordered'}

export const lookOf = state => LOOKS[state] ?? 'bad'

const cell = (name, ...children) => make('td', {role: 'cell', 'data-name': name}, ...children)

class Endpoint {
  constructor(pool, {address}, warn) {
    this.pool = pool
    this.address = address
    this.warn = warn // what to warn of before this endpoint is taken away
    this.spark = new Spark()
    this.button = make('button', {type: 'button', class: 'state', 'aria-expanded': 'false',
      onclick: () => this.#toggle()}, this.state = make('span'))
    this.reason = make('p', {class: 'reason'})
    this.figures = Object.fromEntries(['rate', 'errors', 'p50', 'p95', 'p99', 'flight'].map(name => [name, make('span')]))
    this.mark = make('span', {class: 'badge'})
    this.more = make('td', {role: 'cell', colspan: Object.keys(COLUMNS).length})
    this.moreRow = make('tr', {role: 'row', class: 'more', hidden: true}, this.more)
    this.element = make('tbody', {role: 'rowgroup'}, this.#row(), this.moreRow)
  }

  #row() {
    const {rate, errors, p50, p95, p99, flight} = this.figures
    return make('tr', {role: 'row'},
      make('th', {role: 'rowheader', scope: 'row'}, make('span', {class: 'address'}, this.address), ' ', this.mark),
      make('td', {role: 'cell', class: 'standing'}, this.button, this.reason),
      cell('Requests/s', make('div', {class: 'rate'}, rate, this.spark.element)), cell('Errors', errors),
      cell('p50', p50), cell('p95', p95), cell('p99', p99), cell('In flight', flight),
      make('td', {role: 'cell', class: 'orders'}, ...this.#buttons()))
  }

  #buttons() {
    const button = (word, onclick) =>
      make('button', {type: 'button', 'aria-label': `${word} ${this.address} in pool ${this.pool}`, onclick}, word)
    this.drain = button('Drain', () => this.#order('drain', 'is drained', {
      title: `Drain ${this.address}?`, word: 'Drain', warning: this.warn(this),
      text: `${this.#running()} It gets nothing new, but from clients that are stuck to it.`}))
    this.disable = button('Disable', () => this.#order('disable', 'is disabled', {
      title: `Disable ${this.address}?`, word: 'Disable', warning: this.warn(this),
      text: `${this.#running()} It gets nothing new, not even from clients that are stuck to it.`}))
    this.enable = button('Enable', () => this.#order('enable', 'is enabled'))
    return [this.enable, this.drain, this.disable]
  }

  #running() {
    const count = this.told.in_flight
    if (!count) return 'It works on nothing now.'
    return `The ${count === 1 ? 'request' : plural(count, 'request')} that it works on may finish.`
  }

  async #order(verb, done, question = null) {
    const answer = await order(path('pools', this.pool, 'endpoints', this.address, verb),
      `${this.address} in pool ${this.pool} ${done}.`, question)
    if (answer !== null) this.update(answer)
  }

  update(told) {
    this.told = told
    const look = lookOf(told.state)
    mark(this.button, 'data-look', look)
    say(this.state, told.state)
    mark(this.button, 'aria-label', `${told.state}: more about ${this.address}`)
    const rest = told.seconds ? ` (${lapse(told.seconds)} more)` : ''
    say(this.reason, look === 'good' ? '' : told.reason + rest)
    show(this.reason, this.reason.textContent !== '')
    say(this.mark, [told.weight === 1 ? '' : `weight ${told.weight}`, told.priority ? `priority ${told.priority}` : '']
      .filter(Boolean).join(' · '))
    show(this.mark, this.mark.textContent !== '')
    say(this.figures.flight, number(told.in_flight) + (told.max_connections ? ` / ${number(told.max_connections)}` : ''))
    this.#offer(told.order)
    if (!this.moreRow.hidden) this.#tellMore()
  }

  /** The orders that would change something; who stood on one that goes stands on the next. */
  #offer(given) {
    const stood = document.activeElement
    show(this.enable, given !== 'ready')
    show(this.drain, given === 'ready')
    show(this.disable, given !== 'disabled')
    if (stood?.hidden && this.element.contains(stood)) (this.enable.hidden ? this.drain : this.enable).focus()
  }

  count(figures) {
    const {rate, errors, p50, p95, p99} = this.figures
    say(rate, perSecond(figures?.rate))
    say(errors, share(figures?.rate ? figures.errors : null))
    mark(errors, 'class', figures?.errors > 0.01 ? 'alarm' : null)
    say(p50, latency(figures?.p50))
    say(p95, latency(figures?.p95))
    say(p99, latency(figures?.p99))
    if (figures) this.spark.add(figures.rate)
  }

  #toggle() {
    show(this.moreRow, this.moreRow.hidden)
    mark(this.button, 'aria-expanded', String(!this.moreRow.hidden))
    if (!this.moreRow.hidden) this.#tellMore()
  }

  #tellMore() {
    const {told} = this
    const facts = [told.reason && `Why: ${told.reason}`, told.since && `since ${clock(told.since)}`,
      told.origin !== told.address && `an address of ${told.origin}`, `weight ${told.weight}`, `priority ${told.priority}`,
      plural(told.idle, 'idle connection'),
      told.max_connections ? `at most ${plural(told.max_connections, 'connection')}` : 'no limit of connections']
    const views = told.workers.map(view => make('li', {}, `${view.worker}: ${view.state}${view.reason && `, ${view.reason}`}`))
    const history = told.history.map(change => make('li', {}, make('time', {}, clock(change.time)), ` ${change.text}`,
      make('span', {class: 'soft'}, ` (${change.from})`)))
    const told_now = JSON.stringify([facts, told.workers, told.history])
    if (this.shown === told_now) return
    this.shown = told_now
    this.more.replaceChildren(make('p', {}, facts.filter(Boolean).join(' · ')),
      ...(views.length ? [make('p', {}, 'The workers do not agree:'), make('ul', {}, ...views)] : []),
      history.length ? make('ul', {class: 'history', 'aria-label': `What happened to ${this.address}`}, ...history)
        : make('p', {class: 'soft'}, 'Nothing has happened to it yet.'))
  }
}

class Pool {
  constructor({name, strategy}) {
    this.name = name
    this.spark = new Spark()
    this.facts = Object.fromEntries(
      ['working', 'rate', 'errors', 'p50', 'p95', 'flight', 'queue', 'retries'].map(key => [key, make('b')]))
    this.paused = make('span', {class: 'badge warn', hidden: true}, 'paused')
    this.pause = make('button', {type: 'button', onclick: () => this.#order(!this.told.paused)})
    const title = make('h3', {}, name)
    const head = make('thead', {role: 'rowgroup'}, make('tr', {role: 'row'},
      ...Object.entries(COLUMNS).map(([name, look]) => make('th', {role: 'columnheader', scope: 'col', class: look}, name))))
    const table = make('table', {role: 'table', 'aria-label': `Endpoints of pool ${name}`}, head)
    this.rows = new Rows(table, endpoint => endpoint.address, endpoint => new Endpoint(name, endpoint, this.#warning), head)
    this.element = make('article', {class: 'card pool', 'aria-label': `Pool ${name}`},
      make('div', {class: 'heading'}, title, make('span', {class: 'badge'}, strategy), this.paused, this.#figures(),
        this.spark.element, this.pause), table)
  }

  #figures() {
    const named = {working: 'work', rate: 'req/s', errors: 'errors', p50: 'p50', p95: 'p95', flight: 'in flight',
      queue: 'in the queue', retries: 'retries/s'}
    return make('ul', {class: 'facts'}, ...Object.entries(named).map(([key, word]) =>
      make('li', {}, this.facts[key], ` ${word}`)))
  }

  #warning = asked => {
    const others = this.told.endpoints.filter(one => one.address !== asked.address && WORKING.has(one.state))
    return others.length || !WORKING.has(asked.told.state) ? ''
      : `No other endpoint of ${this.name} works: visitors will wait, or be refused.`
  }

  async #order(pausing) {
    const question = {title: `Pause pool ${this.name}?`, word: 'Pause', warning: '',
      text: 'New requests are held, up to the limits of its queue, and go on when you resume. What runs may finish.'}
    const answer = await order(path('pools', this.name, pausing ? 'pause' : 'resume'),
      `Pool ${this.name} ${pausing ? 'is paused' : 'goes on'}.`, pausing ? question : null)
    if (answer !== null) this.update(answer)
  }

  update(told) {
    this.told = told
    const {working, flight, queue} = this.facts
    say(working, `${told.available} of ${told.endpoints.length}`)
    mark(working, 'class', told.available ? null : 'alarm')
    say(flight, number(told.in_flight))
    say(queue, number(told.queue))
    mark(queue, 'class', told.queue ? 'warn' : null)
    show(this.paused, told.paused)
    const word = told.paused ? 'Resume' : 'Pause'
    say(this.pause, word)
    mark(this.pause, 'aria-label', `${word} pool ${this.name}`)
    this.rows.update(told.endpoints)
  }

  count(figures) {
    say(this.facts.rate, perSecond(figures?.rate))
    say(this.facts.errors, share(figures?.rate ? figures.errors : null))
    mark(this.facts.errors, 'class', figures?.errors > 0.01 ? 'alarm' : null)
    say(this.facts.p50, latency(figures?.p50))
    say(this.facts.p95, latency(figures?.p95))
    say(this.facts.retries, perSecond(figures?.retries))
    if (figures) this.spark.add(figures.rate)
    for (const [address, row] of this.rows.rows) row.count(figures?.endpoints[address])
  }

  begin(history) {
    this.spark.begin(history.rates)
    for (const [address, row] of this.rows.rows) row.spark.begin(history.endpoints[address] ?? [])
  }
}

export class Pools {
  constructor() {
    this.rows = null
    this.history = null
  }

  update(told) {
    if (!told.length && !this.rows) return
    if (!this.rows) {
      $('pools').replaceChildren()
      this.rows = new Rows($('pools'), pool => pool.name, pool => new Pool(pool))
    }
    this.rows.update(told)
    if (this.history) this.#begin()
  }

  count(metrics) {
    for (const [name, row] of this.rows?.rows ?? []) row.count(metrics.pools[name])
  }

  /** Kept until the pools are there to have it. */
  begin(history) {
    this.history = history
  }

  #begin() {
    for (const [name, row] of this.rows.rows) {
      if (this.history.pools[name]) row.begin(this.history.pools[name])
    }
    this.history = null
  }
}
