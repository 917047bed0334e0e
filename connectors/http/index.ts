export { HttpSink, type HttpSinkOptions } from './http-sink.ts'
export type { HttpRefusal } from './http-slot.ts'
export {
  type PolledAnswer,
  type PollingPosition,
  PollingSource,
  type PollingSourceOptions,
} from './polling-source.ts'
export { type SseEvent, type SsePosition, SseSource, type SseSourceOptions } from './sse-source.ts'
export type { WebhookDedupe, WebhookOptions, WebhookSignature } from './webhook-options.ts'
export type { MalformedWebhook, WebhookEnvelope, WebhookItem } from './webhook-partition.ts'
export { WebhookSource, webhookInput } from './webhook-source.ts'
export type { WebhookPosition } from './webhook-tickets.ts'
