export {
  type WebSocketMessage,
  WebSocketSource,
  type WebSocketSourceOptions,
} from './web-socket-source.ts'
