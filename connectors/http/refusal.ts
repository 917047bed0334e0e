/** An answer that is a no. */
export class Refusal {
  readonly status: number
  readonly message: string
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    this.status = status
    this.message = message
    this.headers = headers
  }
}

/** Come again in a second. */
export const SOON: Readonly<Record<string, string>> = { 'Retry-After': '1' }
