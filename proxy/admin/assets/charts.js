// The two charts of the whole, and the small ones in the rows.
import {$, make, mark, say} from './dom.js'
import {clock, latency, mark as latencyMark, number, rate} from './format.js'

const HEIGHT = 180
const LINES = {
  requests: {title: 'Requests per second', format: rate, tick: number, least: 1,
    lines: [{name: 'all', at: 1, colour: '--line-a', fill: true}, {name: 'errors', at: 6, colour: '--bad'}]},
  latency: {title: 'Latency', format: latency, tick: latencyMark, least: 0.001,
    lines: [{name: 'p50', at: 3, colour: '--line-a'}, {name: 'p95', at: 4, colour: '--line-b', dash: [7, 3]},
      {name: 'p99', at: 5, colour: '--line-c', dash: [2, 3]}]},
}

const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

class Chart {
  constructor(shape) {
    this.shape = shape
    this.values = shape.lines.map(() => make('b'))
    const legend = make('ul', {class: 'legend'}, ...shape.lines.map((line, at) => {
      const swatch = make('i', {class: `swatch ${line.name}`, 'aria-hidden': 'true'})
      return make('li', {}, swatch, line.name + ' ', this.values[at])
    }))
    this.stage = make('div', {class: 'plot', role: 'img', 'aria-label': shape.title})
    this.element = make('figure', {class: 'card'},
      make('figcaption', {}, make('h3', {}, shape.title), legend), this.stage)
    this.data = [[], ...shape.lines.map(() => [])]
    this.hovered = null
  }

  draw() {
    this.plot?.destroy()
    const axis = {stroke: colour('--soft'), grid: {stroke: colour('--grid'), width: 1}, ticks: {show: false},
      font: '12px system-ui, sans-serif'}
    const {tick: word, least, lines} = this.shape
    this.plot = new uPlot({
      width: this.stage.clientWidth || 300, height: HEIGHT, legend: {show: false},
      padding: [10, 26, 0, 0],
      cursor: {y: false, drag: {x: false, y: false}, sync: {key: 'both'}},
      hooks: {setCursor: [plot => { this.hovered = plot.cursor.idx; this.#name() }]},
      scales: {y: {range: (_, low, high) => [0, Math.max(high ?? 0, least) * 1.1]}},
      axes: [{...axis, size: 26, space: 80, values: (_, ticks) => ticks.map(clock)},
      {...axis, size: 62, space: 36, values: (_, ticks) => ticks.map(tick => tick === 0 ? '0' : word(tick))}],
      series: [{}, ...lines.map(line => ({
        label: line.name, stroke: colour(line.colour), width: 1.75, dash: line.dash, points: {show: false},
        fill: line.fill ? colour('--fill') : undefined, spanGaps: false}))],
    }, this.data, this.stage)
  }

  set(points) {
    this.data = [points.map(point => point[0]),
      ...this.shape.lines.map(line => points.map(point => line.at === 6 ? point[1] * point[2] : point[line.at]))]
    this.plot?.setData(this.data)
    this.#name()
  }

  fit() {
    const width = this.stage.clientWidth
    if (this.plot && width && width !== this.plot.width) this.plot.setSize({width, height: HEIGHT})
  }

  /** Figures at the cursor, or the last ones. */
  #name() {
    const last = this.data[0].length - 1
    const at = this.hovered ?? last
    const words = this.shape.lines.map((line, number) => {
      const text = this.shape.format(this.data[number + 1][at])
      say(this.values[number], text)
      return `${line.name} ${text}`
    })
    if (this.hovered === null) mark(this.stage, 'aria-label', `${this.shape.title}: ${words.join(', ')}`)
  }
}

/** The last minutes: points of [time, rate, share of errors, p50, p95, p99]. */
export class Charts {
  constructor() {
    this.points = []
    this.kept = 300
    this.charts = Object.values(LINES).map(shape => new Chart(shape))
    $('charts').append(...this.charts.map(chart => chart.element))
    this.charts.forEach(chart => chart.draw())
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.charts.forEach(chart => chart.draw()))
    new ResizeObserver(() => this.charts.forEach(chart => chart.fit())).observe($('charts'))
  }

  begin(history) {
    this.kept = history.kept
    this.points = history.points
    this.#set()
  }

  add(metrics) {
    const {rate, errors, p50, p95, p99} = metrics.total
    const last = this.points.at(-1)
    if (last && last[0] >= metrics.time) return
    this.points.push([metrics.time, rate, errors, p50, p95, p99])
    this.points.splice(0, this.points.length - this.kept)
    this.#set()
  }

  #set() {
    this.charts.forEach(chart => chart.set(this.points))
  }
}

const SVG = 'http://www.w3.org/2000/svg'
const [WIDE, HIGH] = [100, 24]

/** Rates of the last minute as a small line. */
export class Spark {
  constructor(most = 60) {
    this.most = most
    this.rates = []
    this.element = document.createElementNS(SVG, 'svg')
    this.line = document.createElementNS(SVG, 'path')
    this.area = document.createElementNS(SVG, 'path')
    for (const [name, value] of [['viewBox', `0 0 ${WIDE} ${HIGH}`], ['preserveAspectRatio', 'none'],
      ['aria-hidden', 'true'], ['class', 'spark']]) this.element.setAttribute(name, value)
    this.area.setAttribute('class', 'area')
    this.element.append(this.area, this.line)
  }

  begin(rates) {
    this.rates = rates
    this.#draw()
  }

  add(rate) {
    this.rates.push(rate)
    this.rates.splice(0, this.rates.length - this.most)
    this.#draw()
  }

  #draw() {
    const top = Math.max(...this.rates, 1)
    const step = WIDE / (this.most - 1)
    const start = WIDE - (this.rates.length - 1) * step
    const dots = this.rates.map((rate, at) =>
      `${(start + at * step).toFixed(1)} ${(HIGH - 1 - rate / top * (HIGH - 3)).toFixed(1)}`)
    const line = dots.length ? `M${dots.join('L')}` : ''
    mark(this.line, 'd', line)
    mark(this.area, 'd', line && `${line}L${WIDE} ${HIGH}L${start.toFixed(1)} ${HIGH}Z`)
  }
}
