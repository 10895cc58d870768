// Orders, with a question before those that take something away from visitors.
import {$, say, show, tell} from './dom.js'
import {ask} from './api.js'

/** Whether the operator wants it; `question` has title, text, warning (or '') and the word of the button. */
function wanted(question) {
  const dialog = $('confirm')
  say($('confirm-title'), question.title)
  say($('confirm-text'), question.text)
  say($('confirm-warning'), question.warning)
  show($('confirm-warning'), question.warning !== '')
  say($('confirm-yes'), question.word)
  dialog.returnValue = ''
  dialog.showModal()
  $('confirm-no').focus()
  return new Promise(resolve => {
    $('confirm-no').onclick = () => dialog.close('no')
    $('confirm-yes').onclick = () => dialog.close('yes')
    dialog.onclose = () => resolve(dialog.returnValue === 'yes')
  })
}

/** Give an order; says what came of it. */
export async function order(path, done, question = null) {
  if (question !== null && !await wanted(question)) return null
  try {
    const answer = await ask(path, {})
    tell(done)
    return answer
  } catch (error) {
    tell(`Not done: ${error.message}.`, 'bad')
    return null
  }
}
