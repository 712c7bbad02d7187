/** The short way writes what Node writes, byte by byte, or leaves it to Node. */
import { createServer, STATUS_CODES, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { SHORT_BODY_BYTES_MAX, ShortBody } from '@martlet/protocol/frames';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Invoked } from '../../services/invoke/invocation.ts';
import { LeanRequest, LeanResponse } from './lean-http.ts';
import { writeOutcome } from './write-outcome.ts';

interface Answer {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: Buffer;
}

let answer: Answer;
/** How many answers went out in each way. */
const ways = { ours: 0, nodes: 0 };

/** `/node` is answered by Node. */
class EitherResponse extends LeanResponse {
  override get takesWhole(): boolean {
    return this.req.url !== '/node' && super.takesWhole;
  }

  override sendWhole(status: number, head: string, body: string): void {
    ways.ours += 1;
    super.sendWhole(status, head, body);
  }

  override endShort(body: string): void {
    ways.nodes += 1;
    super.endShort(body);
  }
}

let server: Server<typeof LeanRequest, typeof LeanResponse>;
beforeAll(async () => {
  server = createServer(
    { IncomingMessage: LeanRequest, ServerResponse: EitherResponse, optimizeEmptyRequests: true, keepAliveTimeout: 75_000 },
    (request, response) => {
      if (request.url === '/closing') response.setHeader('connection', 'close');
      const { status, headers, body: bytes } = answer;
      const body = bytes.length > SHORT_BODY_BYTES_MAX ? bytes : new ShortBody(bytes.toString('latin1'));
      const invoked = { id: 'e1', outcome: { kind: 'response', status, headers, headerText: headers.join('\0'), body } };
      writeOutcome(response, invoked as unknown as Invoked, []);
    },
  );
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** A second may pass between two answers. */
const withoutDate = (text: string): string => text.replaceAll(/\r\nDate: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\r\n/g, '\r\nDate\r\n');

/** All that the connection says to a request, and to a last one behind it that ends it. */
function talk(path: string, more = '', method = 'GET', version = '1.1'): Promise<string> {
  return new Promise((resolve, reject) => {
    const first = `${method} ${path} HTTP/${version}\r\nHost: x\r\n${more}\r\n`;
    const last = `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
    let received = '';
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1', () => socket.write(first + last, 'latin1'));
    socket.setEncoding('latin1');
    socket.on('data', (part: string) => (received += part));
    socket.on('error', reject);
    socket.on('close', () => resolve(received));
  });
}

async function bothWays(given: Answer, more?: string, method?: string, version?: string): Promise<string> {
  answer = given;
  const ours = withoutDate(await talk('/ours', more, method, version));
  expect(ours).toBe(withoutDate(await talk('/node', more, method, version)));
  return ours;
}

const NAMES =
  'content-type Content-Length DATE date Connection keep-alive Transfer-Encoding trailer Expect te content-disposition set-cookie x-martlet-execution-id x-open-runtimes-a upgrade Vary etag ä x:'.split(
    ' ',
  );
const name = fc.oneof(
  fc.constantFrom(...NAMES, '', 'a b'),
  fc.stringMatching(/^[A-Za-z0-9-]{1,12}$/),
  fc.string({ maxLength: 8, unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)) }),
);
const value = fc.oneof(
  fc.constantFrom(
    '',
    'close',
    'chunked',
    '0',
    'attachment; filename="ä.txt"',
    'a\r\nx-forged: 1',
    'a\nb',
    '\u007f',
    '\t',
    ' a ',
    '100-continue',
  ),
  fc.string({ maxLength: 20, unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) }),
  fc.string({ maxLength: 20, unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)) }),
);
const answers = fc.record({
  status: fc.oneof(fc.constantFrom(200, 200, 201, 204, 205, 304, 404, 500), fc.integer({ min: 200, max: 599 })),
  headers: fc.array(fc.tuple(name, value), { maxLength: 5 }).map((pairs) => pairs.flat()),
  body: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
});

test('whatever headers a function answers with, both ways are the same bytes', async () => {
  await fc.assert(
    fc.asyncProperty(answers, async (given) => void (await bothWays(given))),
    { numRuns: 600 },
  );
  expect(ways.ours).toBeGreaterThan(50);
  expect(ways.nodes).toBeGreaterThan(50);
});

test('so they are for each status, for a body as long as may be joined, and for each kind of caller', async () => {
  const body = Buffer.from('é{"a":1}');
  const headers = ['content-type', 'application/json', 'set-cookie', 'a=1', 'Set-Cookie', 'b=2'];
  for (const status of Object.keys(STATUS_CODES).map(Number)) if (status >= 200) await bothWays({ status, headers, body });
  for (const length of [0, 1, 8191, 8192, 8193, 65_536]) await bothWays({ status: 200, headers, body: Buffer.alloc(length, 'ab') });
  const plain = { status: 200, headers, body };
  for (const more of ['Connection: close\r\n', 'Connection: keep-alive\r\n', 'Expect: 100-continue\r\n']) await bothWays(plain, more);
  for (const method of ['HEAD', 'OPTIONS', 'DELETE']) await bothWays(plain, '', method);
  for (const more of ['', 'Connection: keep-alive\r\n']) await bothWays(plain, more, 'GET', '1.0');
});

test('the usual answer goes our way, and says how long the connection stays', async () => {
  const before = ways.ours;
  const bytes = await bothWays({ status: 200, headers: ['content-type', 'application/json'], body: Buffer.from('{}') });
  expect(ways.ours).toBe(before + 1);
  expect(bytes).toMatch(/^HTTP\/1\.1 200 OK\r\ncontent-type: application\/json\r\n/);
  expect(bytes).toContain('Connection: keep-alive\r\nKeep-Alive: timeout=75\r\n\r\n{}');
});

test('a header that was set on the response before is not left out', async () => {
  answer = { status: 200, headers: [], body: Buffer.from('{}') };
  expect(await talk('/closing')).toMatch(/connection: close\r\n/i);
});

test('the date is that of the second', async () => {
  answer = { status: 200, headers: [], body: Buffer.from('{}') };
  vi.useFakeTimers({ toFake: ['Date'], now: 1_700_000_300_000 });
  try {
    expect((await talk('/ours')).split('\r\n')).toContain('Date: Tue, 14 Nov 2023 22:18:20 GMT');
    vi.setSystemTime(1_700_000_301_000);
    expect((await talk('/ours')).split('\r\n')).toContain('Date: Tue, 14 Nov 2023 22:18:21 GMT');
  } finally {
    vi.useRealTimers();
  }
});
