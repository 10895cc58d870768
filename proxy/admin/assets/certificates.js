// What listeners show to those who come by https: what is in trouble first, then the next to expire.
import {$, Rows, make, mark, say, show} from './dom.js'
import {lapse, plural} from './format.js'

const DAY = 86400
const FEW = 4 // other names that are shown at once; some certificates have a hundred
const COLUMNS = {Certificate: 'names', State: '', 'Valid until': '', Listener: ''}
// As the problems on top have it, which are the same for all who look.
const UNTIL = new Intl.DateTimeFormat(undefined, {dateStyle: 'medium', timeZone: 'UTC'})

const cell = (name, ...children) => make('td', {role: 'cell', 'data-name': name}, ...children)

/** Its look and a word or two; what is worth a warning the proxy says. */
function standing({begins, expires, trouble}, now) {
  if (now >= expires) return ['bad', 'expired']
  if (now < begins) return ['bad', 'not valid yet']
  const left = expires - now
  return [trouble ? 'warn' : 'good', `${left < 2 * DAY ? lapse(left) : plural(Math.round(left / DAY), 'day')} left`]
}

function names([first = 'no name', ...others]) {
  const parts = [make('span', {class: 'address'}, first)]
  const text = make('p', {class: 'reason address'}, others.join(', '))
  if (others.length > FEW) parts.push(make('details', {}, make('summary', {}, `and ${plural(others.length, 'other name')}`), text))
  else if (others.length) parts.push(text)
  return make('th', {role: 'rowheader', scope: 'row'}, ...parts)
}

class Certificate {
  constructor(told) {
    const until = new Date(told.expires * 1000)
    this.state = make('span', {class: 'state'})
    this.element = make('tr', {role: 'row'}, names(told.names),
      make('td', {role: 'cell', class: 'standing'}, this.state),
      cell('Valid until', make('time', {datetime: until.toISOString(), title: until.toISOString()}, UNTIL.format(until))),
      cell('Listener', make('span', {class: 'address'}, told.listener)))
  }

  update({told, now}) {
    const [look, word] = standing(told, now)
    mark(this.state, 'data-look', look)
    say(this.state, word)
  }
}

export class Certificates {
  constructor() {
    const head = make('thead', {role: 'rowgroup'}, make('tr', {role: 'row'},
      ...Object.entries(COLUMNS).map(([name, look]) => make('th', {role: 'columnheader', scope: 'col', class: look}, name))))
    const body = make('tbody', {role: 'rowgroup'})
    this.card = make('div', {class: 'card certificates', role: 'group', 'aria-labelledby': 'certificates-title'},
      make('table', {role: 'table', 'aria-labelledby': 'certificates-title'}, head, body))
    $('certificates').append(this.card)
    this.rows = new Rows(body, ({told}) => JSON.stringify([told.listener, told.names, told.begins, told.expires]),
      ({told}) => new Certificate(told))
  }

  /** `now` is the proxy's time: the reader's clock may be wrong. */
  update(certificates, now) {
    const sorted = [...certificates].sort((a, b) => (a.trouble === '') - (b.trouble === '') || a.expires - b.expires)
    this.rows.update(sorted.map(told => ({told, now})))
    show($('certificates'), sorted.length > 0)
    // What scrolls must be reached by keyboard, too.
    mark(this.card, 'tabindex', this.card.scrollHeight > this.card.clientHeight ? '0' : null)
  }
}
