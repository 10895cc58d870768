// Figures for people: three digits say enough, and a missing figure is a dash.

export const NONE = '–'

export function number(value) {
  if (value === null || value === undefined) return NONE
  if (value >= 1e6) return `${(value / 1e6).toPrecision(3)} M`
  if (value >= 1e4) return `${(value / 1e3).toPrecision(3)} k`
  if (value >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString('en')
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
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
  if (value >= 10) return `${value.toFixed(0)} s`
  if (value >= 1) return `${value.toFixed(2)} s`
  const ms = value * 1000
  return `${ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2)} ms`
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
