/** The judge of the proof, and its smallest run: a few kills of a server on SQLite, and of two on PostgreSQL. */
import { describe, expect, test } from 'vitest';
import { mutants } from './mutants/mutants.ts';
import { unplantable } from './mutants/run-mutants.ts';
import { check } from './oracle/check.ts';
import type { Run } from './oracle/effects-server.ts';
import type { Observations, RecordSeen } from './oracle/observations.ts';
import { runScenario } from './main.ts';
import { randomKills } from './scenarios/kills.ts';
import { findPostgres } from '../../packages/server/test/postgres/postgres-server.ts';
import { suiteName } from '../../packages/server/test/support/suite-name.ts';

const aRecord = (facts: Partial<RecordSeen> = {}): RecordSeen => ({
  id: 'e1',
  functionId: 'f-work',
  trigger: 'http',
  status: 'completed',
  errorCode: '',
  token: 't1',
  attempt: 1,
  createdAt: 1000,
  updatedAt: 2000,
  logs: 'begin n1\nend n1\n',
  ...facts,
});
const aRun = (facts: Partial<Run> = {}): Run => ({
  nonce: 'n1',
  execution: 'e1',
  attempt: 1,
  fn: 'work',
  token: 't1',
  tick: '',
  event: '',
  concurrencyKey: '',
  beganAt: 1100,
  lastAt: 1900,
  ended: true,
  ...facts,
});
const accepted = { status: 202, id: 'e1', at: 1001, retryAfter: null };
const seen = (facts: Partial<Observations> = {}): Observations => ({
  asked: [{ token: 't1', kind: 'work', at: 1000, answers: [accepted] }],
  runs: [aRun()],
  records: [aRecord()],
  recordsLater: facts.records ?? [aRecord()],
  events: [],
  schedule: { createdAt: 0, pausedAt: 500, lastTick: 0, counters: { ran: 0, missed: 0, skipped: 0 } },
  functions: { work: 'f-work', fails: 'f-fails', ticks: 'f-ticks', 'hears-one': 'f-one', 'hears-two': 'f-two' },
  quietAt: 3000,
  patientUntil: 4000,
  calm: false,
  frozen: [],
  clock: [],
  ...facts,
});
const broken = (facts: Partial<Observations>) =>
  check(seen(facts)).flatMap(({ promise, violations }) => (violations.length > 0 ? [promise] : []));

describe('the judge', () => {
  test('finds nothing where nothing is', () => {
    expect(broken({})).toEqual([]);
  });

  test('reads times by the clock that wrote them', () => {
    const clock = [{ from: 1500, until: 2500, aheadMs: -30_000 }];
    const records = [aRecord({ updatedAt: -28_000 })];
    expect(broken({ records, recordsLater: records, clock })).toEqual([]);
    expect(broken({ records, recordsLater: records, clock, runs: [aRun({ lastAt: 4001 })] })).toEqual(['ended-dead']);
  });

  const event = { id: 'v1', dispatched: true, started: 2 };
  const tick = aRecord({ id: 'e2', functionId: 'f-ticks', trigger: 'schedule', token: '', logs: '' });
  const cases: [string, Partial<Observations>][] = [
    ['accepted-recorded', { records: [] }],
    ['accepted-ends', { records: [aRecord({ status: 'waiting' })] }],
    ['nobody-unasked', { asked: [] }],
    ['nobody-unasked', { records: [aRecord(), aRecord({ id: 'e2' })] }],
    ['nobody-unasked', { records: [aRecord({ status: 'failed', errorCode: 'execution_canceled' })] }],
    ['attempts-apart', { runs: [aRun(), aRun({ nonce: 'n2', attempt: 2, beganAt: 1800, lastAt: 1850 })] }],
    ['ended-dead', { runs: [aRun({ lastAt: 4001 })] }],
    ['ended-stays', { recordsLater: [aRecord({ attempt: 2 })] }],
    ['attempts-within-policy', { records: [aRecord({ attempt: 4 })] }],
    ['attempts-within-policy', { calm: true, runs: [aRun(), aRun({ nonce: 'n0', beganAt: 1, lastAt: 2 })] }],
    ['retries-in-time', { calm: true, runs: [aRun({ fn: 'fails' }), aRun({ fn: 'fails', nonce: 'n2', beganAt: 20_000, lastAt: 20_001 })] }],
    ['keys-apart', { runs: [aRun({ concurrencyKey: 'k' }), aRun({ concurrencyKey: 'k', execution: 'e2', nonce: 'n2', beganAt: 1500 })] }],
    ['once-per-key', { asked: [{ token: 't1', kind: 'idempotent', at: 1, answers: [accepted, { ...accepted, id: 'e2' }] }] }],
    ['logs-are-there', { records: [aRecord({ logs: 'begin n1\n' })] }],
    ['refusals-tell-when', { asked: [{ token: 't1', kind: 'work', at: 1, answers: [accepted, { ...accepted, status: 500 }] }] }],
    ['once-per-tick', { records: [aRecord(), tick] }],
    ['once-per-listener', { events: [event] }],
    ['once-per-listener', { asked: [{ token: 'v9', kind: 'event', at: 1, answers: [accepted] }], records: [] }],
  ];
  test.each(cases)('finds what breaks %s', (promise, facts) => {
    expect(broken(facts)).toContain(promise);
  });
});

test('the faults that the proof has to find can be planted into the sources as they are', () => {
  expect(mutants.flatMap(unplantable)).toEqual([]);
});

const found = findPostgres();
const noPostgres = 'missing' in found ? found.missing : undefined;

describe.each([
  ['sqlite', undefined],
  ['postgres', noPostgres],
] as const)('kill -9', (kind, skipped) => {
  test.skipIf(skipped !== undefined)(suiteName(`of servers on ${kind} breaks no promise`, skipped), { timeout: 180_000 }, async () => {
    const { verdicts, kills } = await runScenario(randomKills(kind), { seed: Date.now() % 1_000_000, scale: 1 });
    expect(verdicts.flatMap(({ promise, violations }) => violations.map((violation) => `${promise}: ${violation}`))).toEqual([]);
    expect(kills).toBeGreaterThan(0);
  });
});
