/**
 * The language of the wall between server and worker. A frame is
 *
 *     u32 payload length · u32 stream · u8 type · payload          (little endian)
 *
 * Stream 0 is the worker itself; every execution has a stream of its own, numbered by the server, never reused in the
 * life of a worker. Body bytes need credit (see `stream-credit.ts`); all other frames are small and always allowed.
 */

export const FrameType = {
  // Server to worker.
  load: 1,
  request: 2,
  requestChunk: 3,
  requestEnd: 4,
  cancel: 5,
  ping: 6,
  makeCodeCache: 7,
  describeInput: 8,
  // Worker to server.
  ready: 16,
  loaded: 17,
  loadFailed: 18,
  response: 19,
  responseChunk: 20,
  responseEnd: 21,
  failed: 22,
  finished: 23,
  log: 24,
  pong: 25,
  codeCacheChunk: 26,
  codeCacheEnd: 27,
  /** Bytes of log that the worker left out of an execution, before its `finished`. */
  logDropped: 28,
  /** The answer to `describeInput`. */
  inputDescription: 29,
  // Both ways: more body bytes may be sent on this stream.
  credit: 32,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

export const FRAME_HEADER_BYTES = 9;
/** Longest body chunk in one frame; larger writes are split. 64 KiB is what one read of a unix socket returns. */
export const CHUNK_BYTES = 65_536;
/** A whole body up to this size travels inside its request or response frame. */
export const INLINE_BODY_BYTES = 65_536;
/** Longest frame that the server takes from a worker: head of a response plus an inline body. */
export const WORKER_FRAME_BYTES_MAX = 262_144;
/** Longest frame that a worker takes from the server: the load frame with code, source map and cache. */
export const SERVER_FRAME_BYTES_MAX = 0x7fff_ffff;
/** Body bytes that may be on the way in one direction of a stream without credit. */
export const WINDOW_BYTES = 262_144;
/** What a log line counts beyond its text, so that empty lines are not free: they take memory and a row each. */
export const LOG_LINE_COST = 16;
/** Code caches beyond this are not worth their disk. */
export const CODE_CACHE_BYTES_MAX = 67_108_864;
