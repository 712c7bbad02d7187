/** Reads what an HTTP request means for the data plane: credentials, headers for the function, address, body. */
import type { IncomingMessage } from 'node:http';
import { isHopByHop, isPlatformHeader } from '../../domain/platform-headers.ts';
import { readSession } from '../../domain/identity/session-secret.ts';
import { PlatformError } from '@martlet/protocol';
import { INLINE_BODY_BYTES } from '@martlet/protocol/frames';
import type { Body } from '../../services/invoke/invocation.ts';
import type { LeanRequest } from './lean-http.ts';
import { withoutSessions, type SessionHeaders } from '../session/session-credentials.ts';

export interface Credentials {
  readonly key: string | undefined;
  readonly bearer: string | undefined;
  /** Of a user: X-Appwrite-JWT, and what may hold a session. Undefined for most callers. */
  readonly jwt: string | undefined;
  readonly session: SessionHeaders | undefined;
}

export interface ReadHeaders {
  /** Flat, in the order of arrival, without what only the platform may say. */
  readonly forFunction: readonly string[];
  readonly credentials: Credentials;
  /** Project named by a header, if any. */
  readonly project: string | undefined;
}

const EMPTY = new Uint8Array(0);
/** 64 KiB take a second on the slowest of lines; who takes longer holds a connection and nothing else. */
const SMALL_BODY_MS = 30_000;
const HOST = /^[A-Za-z0-9.-]+(:\d{1,5})?$|^\[[0-9A-Fa-f:.]+\](:\d{1,5})?$/;
const BEARER = /^Bearer\s+(.*)$/is;
const OUR_SECRET = /^m[ksx]_/;

/** Names repeat within a server's life; a decision is remembered per spelling, bounded since callers choose them. */
const decisions = new Map<string, Decision>();
const DECISIONS_MAX = 5000;
type Decision = 'pass' | 'drop' | 'key' | 'project' | 'authorization' | 'host' | 'jwt' | 'session' | 'fallback' | 'cookie';

/** @throws {PlatformError} `general_bad_request` for two Host headers, of which a proxy may have believed the other (RFC 9112, section 3.2) */
export function readHeaders(raw: readonly string[]): ReadHeaders {
  const forFunction: string[] = [];
  let key: string | undefined;
  let bearer: string | undefined;
  let project: string | undefined;
  let jwt: string | undefined;
  let session: { cookie?: string; session?: string; fallback?: string } | undefined;
  let hosts = 0;
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] as string;
    const value = raw[at + 1] as string;
    switch (decisions.get(name) ?? decide(name)) {
      case 'pass':
        forFunction.push(name, value);
        break;
      case 'host':
        hosts += 1;
        if (hosts > 1) throw new PlatformError('general_bad_request', 'Cannot serve a request with two Host headers.');
        forFunction.push(name, value);
        break;
      case 'authorization': {
        const token = BEARER.exec(value)?.[1];
        bearer = token ?? bearer;
        // Keys and sessions are for the platform; a function sees only tokens that are meant for it.
        if (token === undefined || !isOurSecret(token)) forFunction.push(name, value);
        break;
      }
      case 'key':
        key = value;
        break;
      case 'project':
        project = value;
        break;
      case 'jwt':
        jwt = value;
        break;
      case 'session':
      case 'fallback':
        session = { ...session, [decisions.get(name) ?? decide(name)]: value };
        break;
      case 'cookie': {
        session = { ...session, cookie: session?.cookie === undefined ? value : `${session.cookie}; ${value}` };
        const rest = withoutSessions(value);
        if (rest !== '') forFunction.push(name, rest);
        break;
      }
      case 'drop':
        break;
    }
  }
  return { forFunction, credentials: { key, bearer, jwt, session }, project };
}

const isOurSecret = (token: string): boolean => OUR_SECRET.test(token) || (!token.includes('.') && readSession(token) !== undefined);

function decide(name: string): Decision {
  const lower = name.toLowerCase();
  let decision: Decision = isPlatformHeader(lower) || isHopByHop(lower) ? 'drop' : 'pass';
  if (lower === 'authorization') decision = 'authorization';
  if (lower === 'host') decision = 'host';
  if (lower === 'cookie') decision = 'cookie';
  if (lower === 'x-fallback-cookies') decision = 'fallback';
  if (lower === 'x-appwrite-jwt' || lower === 'x-martlet-jwt') decision = 'jwt';
  if (lower === 'x-appwrite-session' || lower === 'x-martlet-session') decision = 'session';
  if (lower === 'x-martlet-key' || lower === 'x-appwrite-key') decision = 'key';
  if (lower === 'x-martlet-project' || lower === 'x-appwrite-project' || lower === 'x-app-id') decision = 'project';
  if (decisions.size < DECISIONS_MAX) decisions.set(name, decision);
  return decision;
}

/** Callers in a row mostly use the same name. */
let lastHost = '';
let lastOrigin = 'http://localhost';

/** Origin of the URL that the function sees. A Host header that is no host is not passed on: `256.1.1.1`, `a:99999`. */
export function originOf(request: IncomingMessage): string {
  const { host = '' } = request.headers;
  if (host !== lastHost) {
    lastHost = host;
    lastOrigin = HOST.test(host) && URL.canParse(`http://${host}`) ? `http://${host}` : 'http://localhost';
  }
  return lastOrigin;
}

/** A body of known, small size is read whole; anything else is streamed. */
export function readBody(request: LeanRequest): Body | Promise<Body> {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  if (encoding === undefined && (length === undefined || length === '0')) return EMPTY;
  if (encoding !== undefined || Number(length) > INLINE_BODY_BYTES) return streamOf(request);
  watchBody(request);
  return (request.collect() ?? readWhole(request)).catch((cause: unknown) => {
    throw new PlatformError('execution_canceled', { message: 'The caller went away before its request was here.', cause });
  });
}

/** For a body that was partly here before it was known who asks: the store had to be waited for. */
function readWhole(request: IncomingMessage): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('error', reject);
  });
}

let begun: IncomingMessage[] = [];

/** Nearly always the body came with the head; only one that dawdles is worth a timer. One look per turn sees them all. */
function watchBody(request: IncomingMessage): void {
  if (begun.length === 0) setImmediate(timeDawdlers);
  begun.push(request);
}

function timeDawdlers(): void {
  const requests = begun;
  begun = [];
  for (const request of requests) {
    if (request.complete || request.destroyed) continue;
    const timer = setTimeout(() => request.complete || request.destroy(new Error('The body took too long')), SMALL_BODY_MS);
    timer.unref();
    request.once('close', () => clearTimeout(timer));
  }
}

/** Reads from the socket only as far as the function has read: a caller cannot fill the memory of the server. */
function streamOf(request: IncomingMessage): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        request.pause();
        request.on('data', (chunk: Buffer) => {
          controller.enqueue(chunk);
          request.pause();
        });
        request.on('end', () => controller.close());
        request.on('error', (error) => controller.error(error));
        request.on('close', () => {
          if (!request.complete) controller.error(new Error('The caller went away'));
        });
      },
      pull() {
        request.resume();
      },
      cancel() {
        // The rest is read and dropped, so that the caller gets to read its answer.
        request.removeAllListeners('data');
        request.resume();
      },
    },
    { highWaterMark: 0 },
  );
}
