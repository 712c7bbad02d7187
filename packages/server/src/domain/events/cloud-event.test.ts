import { isPlatformError } from '@martlet/protocol';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BATCH_EVENTS_MAX, EVENT_BYTES_MAX, readCloudEvents, writeBinary, writeStructured } from './cloud-event-http.ts';
import { JSON_DEPTH_MAX } from './json-text.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array | null | undefined) => (data ? new TextDecoder().decode(data) : undefined);
const event = { specversion: '1.0', id: '1', source: '/orders', type: 'order.created' };
const BINARY = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/orders', 'ce-type': 'order.created' };

const read = (headers: Readonly<Record<string, string>>, body: string | Uint8Array = '') =>
  readCloudEvents({ headers: Object.entries(headers), body: typeof body === 'string' ? bytes(body) : body });
const structured = (value: unknown, contentType = 'application/cloudevents+json') =>
  read({ 'Content-Type': contentType }, typeof value === 'string' ? value : JSON.stringify(value));
const batch = (value: unknown) => structured(value, 'application/cloudevents-batch+json; charset=UTF-8');
const binary = (headers: Readonly<Record<string, string>>, body: string | Uint8Array = '') => read({ ...BINARY, ...headers }, body);

describe('structured', () => {
  test('attributes, extensions and data', () => {
    const given = {
      ...event,
      subject: 'o/1',
      time: '2026-03-01T12:00:00.5+01:00',
      datacontenttype: 'application/json',
      dataschema: 'https://example.com/s#1',
      traceparent: '00-ab',
      retried: false,
      count: 3,
      nothing: null,
      data: { total: 5, ü: [null, true] },
    };
    const { data, ...attributes } = structured(given)[0] ?? { data: null };
    expect(text(data)).toBe('{"total":5,"ü":[null,true]}');
    expect(attributes).toEqual({
      id: '1',
      source: '/orders',
      type: 'order.created',
      subject: 'o/1',
      time: '2026-03-01T12:00:00.5+01:00',
      datacontenttype: 'application/json',
      dataschema: 'https://example.com/s#1',
      extensions: { traceparent: '00-ab', retried: false, count: 3 },
    });
  });

  test.each([
    [{}, undefined],
    [{ data: null }, undefined],
    [{ data: 'x' }, '"x"'],
    [{ data: 0 }, '0'],
    [{ data: 'x', datacontenttype: 'text/plain' }, 'x'],
    [{ data: '<a/>', datacontenttype: 'application/xml' }, '<a/>'],
    [{ data: 'x', datacontenttype: 'application/problem+json; charset=utf-8' }, '"x"'],
    [{ data_base64: 'eHk=' }, 'xy'],
    [{ data_base64: '' }, ''],
  ])('the data of %j', (given, expected) => expect(text(structured({ ...event, ...given })[0]?.data)).toBe(expected));

  test('numbers keep the digits that a double has not', () => {
    const data = '{"id":12345678901234567890,"price":1.10,"far":1e400,"zero":-0}';
    const [found] = structured(`${JSON.stringify(event).slice(0, -1)},"data":${data}}`);
    expect(text(found?.data)).toBe(data);
    expect(writeStructured(found ?? { ...event, extensions: {}, data: null })).toContain(data);
  });

  test('brackets in a text are no nesting, after an escaped quote as well', () => {
    const data = `\\"${'['.repeat(JSON_DEPTH_MAX + 1)}\\\\`;
    expect(text(structured(`${JSON.stringify(event).slice(0, -1)},"data":"${data}"}`)[0]?.data)).toBe(`"${data}"`);
  });

  test('data that look like attributes are data', () => {
    const [found] = structured({ ...event, data: { __proto__x: 1, id: 'other', extensions: {} } });
    expect(found?.id).toBe('1');
    const [polluting] = structured(`${JSON.stringify(event).slice(0, -1)},"data":{"__proto__":{"admin":true}}}`);
    expect(text(polluting?.data)).toBe('{"__proto__":{"admin":true}}');
  });
});

describe('batch', () => {
  test('in its order, down to none', () => {
    expect(batch([]).length).toBe(0);
    expect(batch([event, { ...event, id: '2' }]).map(({ id }) => id)).toEqual(['1', '2']);
  });

  test('one that is wrong refuses all, by its place', () => {
    expect(problemOf(() => batch([event, { ...event, source: '' }]))).toBe(
      'event_invalid: Cannot take the event: "[1].source" must be a text that is not empty.',
    );
    expect(problemOf(() => batch([event, 3]))).toContain('"[1]" must be an object');
    expect(problemOf(() => batch({ ...event }))).toContain('"body" must be an array');
    expect(problemOf(() => batch([{ ...event, type: 'users.u1.create' }]))).toMatch(
      /^event_name_invalid: .*"\[0\].type" .*put a word of your own/,
    );
  });

  test('has its limits', () => {
    const many = (count: number) => Array.from({ length: count }, (_, at) => ({ ...event, id: String(at) }));
    expect(batch(many(BATCH_EVENTS_MAX))).toHaveLength(BATCH_EVENTS_MAX);
    expect(problemOf(() => batch(many(BATCH_EVENTS_MAX + 1)))).toBe(
      'event_too_large: Cannot take the events: they are 1001; at most 1000 go at once.',
    );
    expect(problemOf(() => batch([event, { ...event, data: 'x'.repeat(EVENT_BYTES_MAX) }]))).toMatch(
      /^event_too_large: Cannot take the event \[1\]/,
    );
  });
});

describe('binary', () => {
  test('attributes in headers of any case, percent-decoded; the body as it is', () => {
    const [found] = read(
      { ...BINARY, 'CE-Subject': 'caf%C3%A9%20%25', 'Ce-Old': '"a \\"b\\" %41"', 'Content-Type': 'image/png', host: 'x', 'x-ce-id': 'no' },
      Uint8Array.of(0, 255, 10),
    );
    expect(found).toEqual({
      id: '1',
      source: '/orders',
      type: 'order.created',
      subject: 'café %',
      datacontenttype: 'image/png',
      extensions: { old: 'a "b" A' },
      data: Uint8Array.of(0, 255, 10),
    });
  });

  test('without a type, nobody may take the body for JSON', () => {
    const [found] = binary({}, '1,"source":"/forged"');
    expect(found?.datacontenttype).toBe('application/octet-stream');
    expect(JSON.parse(writeStructured(found ?? { ...event, extensions: {}, data: null }))).toMatchObject({ source: '/orders' });
  });

  test('no body is no data', () => {
    expect(binary({})[0]).toEqual({ id: '1', source: '/orders', type: 'order.created', extensions: {}, data: null });
  });
});

describe('what is refused names its field', () => {
  test.each([
    [{ specversion: undefined }, '"specversion" is missing'],
    [{ specversion: '0.3' }, '"specversion" must be "1.0", and is "0.3"'],
    [{ id: '' }, '"id" must be a text that is not empty'],
    [{ id: null }, '"id" is missing'],
    [{ id: 7 }, '"id" must be a text'],
    [{ id: 'x'.repeat(257) }, '"id" has 257 characters; at most 256'],
    [{ id: 'a\nb' }, '"id" holds a control character'],
    [{ id: '\ud800' }, '"id" holds a control character or half of a character'],
    [{ source: 'a b' }, '"source" must be a URI'],
    [{ source: 'a%2' }, '"source" must be a URI'],
    [{ type: 'functions.f1.executions.e1.create' }, '"type" is no name for an event'],
    [{ type: 'order..created' }, '"type" is no name for an event'],
    [{ subject: '' }, '"subject" must be a text'],
    [{ time: 'yesterday' }, '"time" must be a time such as'],
    [{ time: '2026-02-29T00:00:00Z' }, '"time" must be a time'],
    [{ time: '2026-01-01T24:00:00Z' }, '"time" must be a time'],
    [{ time: '2026-01-01T00:00:00' }, '"time" must be a time'],
    [{ datacontenttype: 'json' }, '"datacontenttype" must be a media type'],
    [{ datacontenttype: 'text/plain\r\nx: y' }, '"datacontenttype" holds a control character'],
    [{ dataschema: '/relative' }, '"dataschema" must be an absolute URI'],
    [{ myExtension: 'x' }, '"myExtension" is no attribute'],
    [{ my_extension: 'x' }, '"my_extension" is no attribute'],
    [{ nested: {} }, '"nested" must be a text, true, false, or a whole number'],
    [{ half: 0.5 }, '"half" must be'],
    [{ big: 2 ** 31 }, '"big" must be'],
    [{ data: 1, data_base64: 'eA==' }, '"data_base64" stands beside "data"'],
    [{ data_base64: 'eA' }, '"data_base64" must be a text in base64'],
    [{ data_base64: 'e\nA==' }, '"data_base64" must be a text in base64'],
    [{ data_base64: 3 }, '"data_base64" must be a text in base64'],
    [{ data: {}, datacontenttype: 'text/plain' }, '"data" must be a text where "datacontenttype" is text/plain'],
  ])('structured %j', (given, problem) => expect(problemOf(() => structured({ ...event, ...given }))).toContain(problem));

  test.each([
    ['', '"body" is not JSON'],
    ['{', '"body" is not JSON'],
    ['[]', '"body" must be an object'],
    ['null', '"body" must be an object'],
    [`{"a":"${'[{'.repeat(JSON_DEPTH_MAX)}"`, '"body" is not JSON'],
    ['['.repeat(200_000), `"body" is nested deeper than ${JSON_DEPTH_MAX} levels`],
    ['{"a":'.repeat(50_000), '"body" is nested deeper than'],
    ['"\\"'.repeat(80_000), '"body" is not JSON'],
  ])('the JSON %.20j', (body, problem) => expect(problemOf(() => structured(body))).toContain(problem));

  test('what is not UTF-8', () => {
    expect(problemOf(() => read({ 'content-type': 'application/cloudevents+json' }, Uint8Array.of(0x22, 0xff, 0x22)))).toContain(
      'not in UTF-8',
    );
    expect(problemOf(() => structured(event, 'application/cloudevents+json; charset=latin1'))).toContain(
      'has the charset latin1; send UTF-8',
    );
  });

  test.each([
    [{ 'ce-id': '%' }, '', '"ce-id" has a % that begins no character'],
    [{ 'ce-id': '%ff' }, '', '"ce-id" has a %'],
    [{ 'ce-id': '%0a' }, '', '"id" holds a control character'],
    [{ 'ce-data': 'x' }, '', '"data" is no attribute'],
    [{ 'ce-a-b': 'x' }, '', '"a-b" is no attribute'],
    [{ 'ce-__proto__': 'x' }, '', '"__proto__" is no attribute'],
    [{ 'ce-datacontenttype': 'text/plain' }, '', '"ce-datacontenttype" is sent as the header content-type'],
    [{ 'CE-ID': '2' }, '', '"ce-id" is sent twice'],
    [{ 'content-type': 'application/json' }, '{', '"data" is not JSON'],
    [{ 'content-type': 'application/json' }, '['.repeat(1000), '"data" is nested deeper'],
  ])('binary %j', (headers, body, problem) => expect(problemOf(() => binary(headers, body))).toContain(problem));

  test('requests that hold no event', () => {
    expect(problemOf(() => read({ 'content-type': 'application/json' }, JSON.stringify(event)))).toContain(
      '"content-type" must be application/cloudevents+json or application/cloudevents-batch+json, or the attributes must be sent as headers',
    );
    expect(problemOf(() => read({ 'content-type': 'application/cloudevents+avro' }))).toContain(
      '"content-type" is application/cloudevents+avro',
    );
  });

  test('events over the limit, to the byte', () => {
    const sized = (size: number) => {
      const rest = JSON.stringify({ ...event, data: '' }).length;
      return JSON.stringify({ ...event, data: 'x'.repeat(size - rest) });
    };
    expect(structured(sized(EVENT_BYTES_MAX))).toHaveLength(1);
    expect(problemOf(() => structured(sized(EVENT_BYTES_MAX + 1)))).toMatch(/^event_too_large: Cannot take the event: it has 262145 bytes/);
    expect(problemOf(() => binary({}, new Uint8Array(EVENT_BYTES_MAX)))).toMatch(/^event_too_large/);
  });
});

const line = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((value) => !/\p{Cc}/u.test(value) && value.isWellFormed());
const content = fc.oneof(
  fc.constant(null),
  fc
    .jsonValue({ maxDepth: 4 })
    .filter((value) => value !== null)
    .map((value) => ({ type: 'application/json', data: bytes(JSON.stringify(value)) })),
  fc.uint8Array({ minLength: 1, maxLength: 50 }).map((data) => ({ type: 'application/octet-stream', data })),
);
const anyEvent = fc
  .record({
    id: line,
    subject: fc.option(line, { nil: undefined }),
    content,
    extensions: fc.dictionary(fc.stringMatching(/^x[a-z0-9]{1,10}$/), line, { maxKeys: 4 }),
  })
  .map(({ id, subject, content: given, extensions }) => ({
    id,
    source: 'urn:a',
    type: 'order.created',
    ...(subject !== undefined && { subject }),
    ...(given !== null && { datacontenttype: given.type }),
    extensions: { ...extensions },
    data: given?.data ?? null,
  }));

describe('for any event', () => {
  test('what is written is read as the same event, in every mode', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { minLength: 1, maxLength: 3 }), (events) => {
        const written = events.map(writeStructured);
        expect(written.flatMap((body) => structured(body))).toEqual(events);
        expect(batch(`[${written.join()}]`)).toEqual(events);
        // Space around the value of a header is not part of it.
        for (const each of events) expect(readCloudEvents(writeBinary(each))).toEqual([each]);
      }),
    );
  });

  test('headers are printable ASCII', () => {
    fc.assert(
      fc.property(anyEvent, (each) => {
        for (const [name, value] of writeBinary(each).headers) expect(`${name}: ${value}`).toMatch(/^[!-~]+: [!-~]*$/);
      }),
    );
  });

  test('whatever comes, it is read or refused by one of three codes', () => {
    const member = fc.constantFrom(...Object.keys(event), 'data', 'data_base64', 'datacontenttype', 'time', '__proto__', 'constructor');
    const body = fc.oneof(
      fc.string(),
      fc.json(),
      fc.dictionary(member, fc.jsonValue()).map((given) => JSON.stringify({ ...event, ...given })),
    );
    const type = fc.constantFrom('application/cloudevents+json', 'application/cloudevents-batch+json', 'application/json', '');
    fc.assert(
      fc.property(
        body,
        type,
        fc.dictionary(
          member.map((name) => `ce-${name}`),
          fc.string(),
        ),
        (given, contentType, headers) => {
          const problem = problemOf(() => read({ ...headers, 'content-type': contentType }, given));
          expect(problem ?? 'event_invalid:').toMatch(/^(?:event_invalid|event_name_invalid|event_too_large):/);
        },
      ),
      { numRuns: 500 },
    );
  });
});

function problemOf(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (!isPlatformError(error)) throw error;
    return `${error.code}: ${error.message}`;
  }
}
