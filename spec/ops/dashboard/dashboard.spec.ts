import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type Execution, start } from 'tidemark'
import { type Api, serveApi } from 'tidemark/ops'
import { Browser, chromiumProgram, type Visit } from './browser.ts'
import { orders } from './orders.ts'

/** Another host, which would answer any page. */
class Elsewhere {
  asked = 0
  readonly #server = createServer((_request, response) => {
    this.asked += 1
    response.writeHead(200, { 'Access-Control-Allow-Origin': '*' }).end('here')
  })

  static async open(): Promise<Elsewhere> {
    const made = new Elsewhere()
    made.#server.listen(0, '127.0.0.1')
    await once(made.#server, 'listening')
    return made
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

const TOKEN = 'a-token-of-the-spec'

/** What a page would do that somebody has got something into. */
const intrusion = (elsewhere: string): string => `(async () => {
  const tries = [
    () => {
      const script = document.createElement('script')
      script.textContent = 'window.owned = true'
      document.body.append(script)
    },
    () => {
      const script = document.createElement('script')
      script.append('window.owned = true')
      document.body.append(script)
    },
    () => document.body.insertAdjacentHTML('beforeend', '<i id="owned">here</i>'),
  ]
  for (const each of tries) {
    try {
      each()
    } catch {}
  }
  const fetched = await fetch('${elsewhere}').then(
    () => true,
    () => false,
  )
  return { fetched, ran: 'owned' in window && window.owned === true, marked: document.getElementById('owned') !== null }
})()`

/** The number before `/s` that a step is said to take. */
const rateOf = (text: string, step: string): number => {
  const [, number = '', unit = ''] = new RegExp(`step ${step}, ([\\d.]+)(k?)/s in`).exec(text) ?? []
  return Number(number) * (unit === 'k' ? 1000 : 1)
}

describe(Browser.titled('The dashboard, in a real browser,'), function () {
  let browser: Browser | null = null
  let state: string
  let execution: Execution
  let api: Api
  let visit: Visit

  const look = async (): Promise<Visit> => (browser as Browser).visit(api.url)
  const run = async (options: { readonly port?: number; readonly token?: string } = {}) => {
    const flow = orders()
    execution = start(flow, {
      workers: 2,
      epochInterval: 500,
      recovery: { dir: state },
      logger: { info: () => {}, warn: () => {}, error: () => {} },
    })
    api = await serveApi(execution, { flow, port: 0, ...options })
  }

  before(async function () {
    if (chromiumProgram() === null) this.skip()
    browser = await Browser.open()
    state = mkdtempSync(join(tmpdir(), 'tidemark-dashboard-'))
    await run()
    visit = await look()
  })
  after(async () => {
    if (browser === null) return
    await execution.stop()
    await api.close()
    await browser.close()
    rmSync(state, { recursive: true, force: true })
  })

  it('shows what a running flow does, where it is slow, and who holds it back @long', async () => {
    const all = [/step score, [^"]*slowest/, /step shops, [^"]*holds the watermark back/]
    const text = await visit.until((read) => all.every((each) => each.test(read)))
    for (const step of [
      'shops',
      'parse',
      'time',
      'paid',
      'tidy',
      'customer',
      'scores',
      'windows',
    ]) {
      expect(text).to.match(new RegExp(`step ${step},`))
    }
    expect(rateOf(text, 'shops')).to.be.greaterThan(10)
    expect(text).to.match(/row "shops asia [^"]*holds back/)
    expect(text).not.to.match(/row "shops eu [^"]*holds back/)
    expect(text).to.match(/row "score [01] \d+ % [^"]*\\"acme\\"/)
    expect(text).to.match(/The newest is \d+ m?s old/)
    expect(text).to.match(/row "0 reads [^"]*\/s/)
    expect(text).to.contain('status: Live')

    await visit.until(/listitem: .*"asia" of "shops"/)
    const [row = ''] = /row "score .*/.exec(text) ?? []
    expect(row).to.contain('/s')
    await visit.until((later) => later.includes('row "score ') && !later.includes(row))
    await visit.keep('light')
    await visit.page.emulateMedia({ colorScheme: 'dark' })
    await visit.keep('dark')
    await visit.page.emulateMedia({ colorScheme: 'light' })
    expect(visit.complaints).to.deep.equal([])
  })

  it('shows a failed item as the text that it is', async () => {
    const text = await visit.until(/row .*parse mapper/)
    expect(text).to.match(/parse mapper \{ customer: .*<img src=x onerror=/)
    expect(text).to.contain('RangeError: no customer <img')
    expect(await visit.page.locator('main img').count()).to.equal(0)
    expect(await visit.page.title()).to.equal('orders · Tidemark')
    expect(visit.complaints).to.deep.equal([])
  })

  it('is dark where the reader wants it dark', async () => {
    await visit.until(/status: Live/)
    const back = (): Promise<string> =>
      visit.page.evaluate<string>('getComputedStyle(document.body).backgroundColor')
    const light = await back()
    await visit.page.emulateMedia({ colorScheme: 'dark' })
    const brightness = (colour: string): number =>
      (colour.match(/\d+/g) ?? []).slice(0, 3).reduce((sum, each) => sum + Number(each), 0)
    expect(brightness(light)).to.be.greaterThan(3 * 200)
    expect(brightness(await back())).to.be.lessThan(3 * 60)
    await visit.page.emulateMedia({ colorScheme: 'light' })
  })

  it('fits a phone: nothing but a wide table is moved sideways', async () => {
    await visit.page.setViewportSize({ width: 390, height: 844 })
    await visit.until(/step score, [^"]* keys/)
    await visit.until(/row .*parse mapper/)
    const [page, window] = await visit.page.evaluate<number[]>(
      '[document.documentElement.scrollWidth, innerWidth]',
    )
    expect(page).to.equal(window)
    const graph = await visit.page.locator('.graph').evaluate((each) => {
      const { scrollWidth, clientWidth } = each
      return scrollWidth - clientWidth
    })
    expect(graph).to.equal(0)
    await visit.keep('phone')
    await visit.page.setViewportSize({ width: 1440, height: 900 })
  })

  it('asks nobody but the flow, and lets nothing else be asked', async () => {
    await visit.until(/row .*parse mapper/)
    const others = visit.asked.filter((url) => !url.startsWith(api.url) && !url.startsWith('data:'))
    expect(others).to.deep.equal([])
    const elsewhere = await Elsewhere.open()
    try {
      const asked = await visit.page.evaluate<unknown>(intrusion(elsewhere.url))
      expect(asked).to.deep.equal({ fetched: false, ran: false, marked: false })
      expect(elsewhere.asked).to.equal(0)
    } finally {
      await elsewhere.close()
    }
  })

  it('says that the connection is lost, and goes on when the flow runs again', async () => {
    await visit.until(/status: Live/)
    const port = Number(new URL(api.url).port)
    await execution.stop()
    await api.close()
    await visit.until(/status: .*(has ended|is lost)/)
    expect(await visit.page.getByRole('button', { name: 'Stop' }).isDisabled()).to.equal(true)
    await visit.keep('ended')
    await run({ port })
    await visit.until(/status: Live[\s\S]*step shops, [1-9]/)
  })

  it('stops the flow for a person who is sure', async () => {
    await visit.until(/status: Live/)
    const { page } = visit
    await page.getByRole('button', { name: 'Stop' }).click()
    await visit.keep('sure')
    await page.getByRole('button', { name: 'Leave it running' }).click()
    expect(execution.metrics().epoch).to.be.greaterThan(0)
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.getByRole('button', { name: 'Stop the flow' }).click()
    expect(await execution.done).to.include({ reason: 'stopped' })
    await visit.until(/status: The flow has ended/)
    await run()
  })

  it('asks for the token where there is one, and shows nothing without it', async () => {
    await execution.stop()
    await api.close()
    await run({ token: TOKEN })
    await visit.page.close()
    visit = await look()
    const { page } = visit
    const locked = await visit.until(/The API asks for its token/)
    expect(locked).not.to.contain('orders')
    await visit.keep('locked')
    const field = page.getByLabel('Token of the API')
    await field.fill('wrong-token-of-the-spec')
    await field.press('Enter')
    await visit.until(/not the right one/)
    await field.fill(TOKEN)
    await field.press('Enter')
    await visit.until(/status: Live[\s\S]*step shops/)
    await page.reload()
    await visit.until(/status: Live/)
  })
})
