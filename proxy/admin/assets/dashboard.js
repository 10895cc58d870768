// The page: each word of the stream goes to the part that shows it.
import {$, Rows, make, mark, say, show} from './dom.js'
import {Stream, forget, hasToken} from './api.js'
import {Certificates} from './certificates.js'
import {Charts} from './charts.js'
import {Events} from './events.js'
import {Pools} from './pools.js'
import {Requests} from './requests.js'
import {lapse, latency, number, octets, plural, rate, share} from './format.js'

const charts = new Charts()
const pools = new Pools()
const events = new Events()
const requests = new Requests()
const certificates = new Certificates()
let started = null

const TILES = [
  ['Requests/s', total => rate(total.rate)],
  ['Errors', total => share(total.rate ? total.errors : null), total => total.errors > 0.01],
  ['p50', total => latency(total.p50)],
  ['p95', total => latency(total.p95)],
  ['p99', total => latency(total.p99)],
  ['In flight', total => number(total.asking)],
  ['Waiting', total => number(total.waiting)],
  ['Connections', total => number(total.connections)],
  ['Sent/s', total => octets(total.sent)],
].map(([name, figure, alarm = () => false]) => {
  const value = make('dd', {}, '–')
  $('tiles').append(make('div', {}, make('dt', {}, name), value))
  return {value, figure, alarm}
})

const problems = new Rows($('problems'), text => text, text => ({element: make('li', {}, text), update() {}}))

function status(told) {
  if (started !== null && started !== told.started) { // another proxy: its events have numbers of their own
    events.clear()
    stream.restart()
  }
  started = told.started
  const count = told.problems.length
  say($('health'), told.well ? 'all is well' : plural(count, 'problem'))
  mark($('health'), 'data-look', told.well ? 'good' : 'bad')
  const workers = told.processes.filter(process => process.name.startsWith('worker') && process.state === 'ready')
  say($('about'), [`up ${lapse(told.uptime)}`, plural(workers.length, 'worker'), `configuration ${told.generation}`,
    `version ${told.version}`].join(' · '))
  show($('problems'), count > 0)
  problems.update([...new Set(told.problems)])
  certificates.update(told.certificates, told.started + told.uptime)
  document.title = told.well ? 'pyfront' : `(${count}) pyfront`
}

function metrics(told) {
  for (const {value, figure, alarm} of TILES) {
    say(value, figure(told.total))
    mark(value, 'class', alarm(told.total) ? 'alarm' : null)
  }
  charts.add(told)
  pools.count(told)
  requests.refresh()
}

function history(told) {
  charts.begin(told)
  pools.begin(told)
}

function problem(told) {
  say($('health'), told.detail)
  mark($('health'), 'data-look', 'bad')
}

function state(look, text) {
  say($('live'), text)
  mark($('live'), 'data-look', look)
  mark(document.body, 'data-stale', look === 'good' ? null : true)
}

$('forget').onclick = forget
show($('forget'), hasToken())

const stream = new Stream({status, pools: told => pools.update(told), metrics, history, problem,
  event: told => { events.add(told); show($('forget'), hasToken()) }}, state)
stream.run()
