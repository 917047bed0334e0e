import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright-core'

/** Chromium's program; `null` where it is not installed. */
export const chromiumProgram = (): string | null => {
  const program = process.env['TIDEMARK_CHROMIUM'] ?? '/usr/bin/chromium'
  return existsSync(program) ? program : null
}

const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

const ARTIFACTS = '.artifacts/dashboard'
const LAPTOP = { width: 1440, height: 900 }

/** A person's browser: a fresh profile, and a note of everything that a page asks for or complains of. */
export class Browser {
  readonly #context: BrowserContext
  readonly #profile: string

  constructor(context: BrowserContext, profile: string) {
    this.#context = context
    this.#profile = profile
  }

  static titled(title: string): string {
    return chromiumProgram() === null ? `${title} (skipped: apt-get install chromium)` : title
  }

  static async open(): Promise<Browser> {
    const executablePath = chromiumProgram()
    if (executablePath === null) throw new Error('Chromium is not installed')
    const profile = mkdtempSync(join(tmpdir(), 'tidemark-chromium-'))
    const options = { executablePath, headless: true, args: QUIET, viewport: LAPTOP }
    return new Browser(await chromium.launchPersistentContext(profile, options), profile)
  }

  async visit(url: string): Promise<Visit> {
    const page = await this.#context.newPage()
    const visit = new Visit(page)
    await page.goto(url)
    return visit
  }

  async close(): Promise<void> {
    await this.#context.close()
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** One page, as a person sees it. */
export class Visit {
  readonly page: Page
  readonly asked: string[] = []
  readonly complaints: string[] = []

  constructor(page: Page) {
    this.page = page
    page.on('request', (request) => this.asked.push(request.url()))
    page.on('pageerror', (error) => this.complaints.push(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error') this.complaints.push(message.text())
    })
  }

  /** What a screen reader reads. */
  read(): Promise<string> {
    return this.page.locator('body').ariaSnapshot()
  }

  /** Waits until somewhere on the page this is read. */
  async until(wanted: RegExp | ((text: string) => boolean)): Promise<string> {
    const until = Date.now() + 30_000
    for (;;) {
      const text = await this.read()
      if (typeof wanted === 'function' ? wanted(text) : wanted.test(text)) return text
      if (Date.now() > until) throw new Error(`${wanted} was never read in:\n${text}`)
      await this.page.waitForTimeout(100)
    }
  }

  async keep(name: string): Promise<void> {
    mkdirSync(ARTIFACTS, { recursive: true })
    await this.page.screenshot({ path: join(ARTIFACTS, `${name}.png`), fullPage: true })
  }
}
