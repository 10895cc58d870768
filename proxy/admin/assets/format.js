// Figures for people: three digits say enough, and a missing figure is a dash.

export const NONE = '–'

export function number(value) {
  if (value === null || value === undefined) return NONE
  if (value >= 1e6) return `${(value / 1e6).toPrecision(3)} M`
  if (value >= 1e4) return `${(value / 1e3).toPrecision(3)} k`
  return Number(value.toFixed(value < 100 ? 1 : 0)).toLocaleString('en')
}

/** So many per second; always with a tenth where that is seen, so that a column of them stands still. */
export function rate(value) {
  return !value || value >= 100 ? number(value) : value.toFixed(1)
}

export function share(value) {
  if (value === null || value === undefined) return NONE
  const percent = value * 100
  if (!percent) return '0 %'
  if (percent < 0.1) return '< 0.1 %'
  return `${percent.toFixed(percent < 10 ? 1 : 0)} %`
}

/** A latency of so many seconds. */
export function latency(value) {
  if (value === null || value === undefined) return NONE
  const [figure, unit] = value >= 1 ? [value, 's'] : [value * 1000, 'ms']
  return `${figure.toFixed(figure >= 99.95 ? 0 : figure >= 9.995 ? 1 : 2)} ${unit}`
}

/** The same for the marks of an axis. */
export function mark(value) {
  return value >= 1 ? `${Number(value.toFixed(2))} s` : `${Number((value * 1000).toFixed(2))} ms`
}

export function octets(value) {
  if (value === null || value === undefined) return NONE
  for (const unit of ['B', 'KiB', 'MiB']) {
    if (value < 1024) return `${value < 10 && unit !== 'B' ? value.toFixed(1) : Math.round(value)} ${unit}`
    value /= 1024
  }
  return `${value.toFixed(1)} GiB`
}

/** A length of time, in its two largest units. */
export function lapse(seconds) {
  const whole = Math.max(0, Math.round(seconds))
  const parts = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']]
  let rest = whole
  const words = []
  for (const [size, unit] of parts) {
    const count = Math.floor(rest / size)
    rest %= size
    if (count || (unit === 's' && !words.length)) words.push(`${count} ${unit}`)
  }
  return words.slice(0, 2).join(' ')
}

const CLOCK = new Intl.DateTimeFormat(undefined, {hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23'})
const DAY = new Intl.DateTimeFormat(undefined, {dateStyle: 'medium'})

export const clock = seconds => CLOCK.format(seconds * 1000)
export const day = seconds => DAY.format(seconds * 1000)

export function plural(count, word) {
  return `${count.toLocaleString('en')} ${word}${count === 1 ? '' : 's'}`
}
