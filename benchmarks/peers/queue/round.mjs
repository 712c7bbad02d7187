/**
 * One round of a queue that is a library: this process enqueues and works, as its users do. Prints one line of JSON.
 * Arguments: connection string, number of jobs, clients, workers, jobs of the latency part, milliseconds between them.
 */
import { setTimeout as wait } from 'node:timers/promises';

export const [url, ...numbers] = process.argv.slice(2);
export const [jobs = 0, clients = 1, workers = 1, paced = 0, everyMs = 20] = numbers.map(Number);
const LOOK_MS = 5;

export const clockNow = () => performance.timeOrigin + performance.now();

/**
 * @param {{ enqueue(data: { sentAt: number }): Promise<unknown>, left(): Promise<number> }} queue `left` counts jobs that are not
 * on record as completed
 * @param {number[]} lags what the handler pushes: milliseconds from the call that enqueues to the begin of the handler
 */
export async function runRound({ enqueue, left }, lags) {
  const done = async (total) => {
    while (lags.length < total) await wait(LOOK_MS);
    while ((await left()) > 0) await wait(LOOK_MS);
  };
  // The first ones open connections, plan statements and compile code.
  await inParallel(200, () => enqueue({ sentAt: clockNow() }));
  await done(200);
  lags.length = 0;

  const began = performance.now();
  await inParallel(jobs, () => enqueue({ sentAt: clockNow() }));
  const enqueuedMs = performance.now() - began;
  await done(jobs);
  const totalMs = performance.now() - began;
  lags.length = 0;

  const sent = [];
  for (let index = 0; index < paced; index += 1) {
    sent.push(enqueue({ sentAt: clockNow() }));
    await wait(everyMs);
  }
  await Promise.all(sent);
  await done(paced);
  console.log(JSON.stringify({ enqueuedMs, totalMs, lags }));
}

async function inParallel(count, one) {
  let begun = 0;
  const client = async () => {
    while (begun < count) {
      begun += 1;
      await one();
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
}
