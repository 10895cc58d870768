// Why a request went where it went, as the worker that had it tells.
import {$, make, tell} from './dom.js'
import {ask, path} from './api.js'
import {latency} from './format.js'

const ms = value => latency(value / 1000)

function condition(one) {
  return one.holds ? `${one.part} ${one.seen}` : `${one.part} is ${one.seen}, not ${one.wanted}`
}

function route(one) {
  if (one.matched === null) return make('li', {class: 'soft'}, `${one.name}: not tried`)
  const told = one.conditions.filter(each => one.matched || !each.holds).map(condition).join('; ')
  return make('li', {'data-look': one.matched ? 'good' : 'idle'}, make('b', {}, one.matched ? '✓ ' : '✗ ', one.name),
    `: ${told || 'it is for everything'}`)
}

function endpoint(one, chosen) {
  const facts = [one.state, `${one.in_flight} in flight`, `weight ${one.weight}`,
    one.score === null ? '' : `score ${Number(one.score.toFixed(4))}`].filter(Boolean).join(', ')
  return make('li', {'data-look': one.name === chosen ? 'good' : 'idle'},
    make('b', {class: 'address'}, one.name === chosen ? '✓ ' : '', one.name), ` ${facts}: ${one.reason}`)
}

const part = (title, ...children) => [make('h3', {}, title), ...children]
const list = items => make('ul', {class: 'story'}, ...items)

/** The story's parts, those that it has. */
function* parts(story) {
  const {request, answer, routes, pool, attempts, phases} = story
  for (const note of request?.notes ?? []) yield [make('p', {class: 'soft'}, note)]
  if (answer) yield part('Answer', make('p', {}, [String(answer.status || 'none'), answer.why].filter(Boolean).join(': ')))
  if (phases) yield part('Time', make('p', {}, Object.entries(phases).map(([name, value]) => `${name} ${ms(value)}`).join(' · ')))
  if (attempts?.length) {
    yield part('Attempts', list(attempts.map(one =>
      make('li', {}, make('b', {class: 'address'}, one.endpoint), `: ${one.outcome}, after ${ms(one.after)}`))))
  }
  if (routes?.length) yield part('Routes', list(routes.map(route)))
  if (pool) {
    yield part(`Pool ${pool.name}${pool.now ? ', as it is now' : ''}`, pool.choice ? make('p', {}, `${pool.choice}.`) : '',
      list(pool.endpoints.map(one => endpoint(one, pool.chosen))))
  }
}

export async function explain({id, method, target}) {
  let story
  try {
    story = await ask(path('explain', id))
  } catch (error) {
    tell(`Nobody can say: ${error.message}.`, 'bad')
    return
  }
  const from = story.request && `From ${story.request.from}, ${story.id}`
  $('why-title').textContent = `${method} ${target}`
  $('why-story').replaceChildren(make('p', {class: 'soft'}, from ?? id), ...[...parts(story)].flat())
  $('why-close').onclick = () => $('why').close()
  $('why').showModal()
}
