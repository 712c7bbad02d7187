/** Jobs sent over HTTP: as many as there are by clients that wait for each answer, or one by one at a steady pace. */
import { setTimeout as wait } from 'node:timers/promises';
import { encodeRequest, openConnection, type HttpConnection, type RequestFacts } from './http-connection.ts';

/** Where jobs go, and the request of one, made when it is sent. */
export interface JobTarget {
  readonly port: number;
  request(): RequestFacts;
}

const ACCEPTED = 202;

/** @throws {Error} when one is not accepted */
export async function enqueueAll(target: JobTarget, { count, clients }: { count: number; clients: number }): Promise<void> {
  let begun = 0;
  const client = async () => {
    const connection = openConnection(target.port);
    try {
      while (begun < count) {
        begun += 1;
        await enqueueOne(connection, target);
      }
    } finally {
      connection.close();
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
}

/** @throws {Error} when one is not accepted */
export async function enqueuePaced(target: JobTarget, { count, everyMs }: { count: number; everyMs: number }): Promise<void> {
  const free: HttpConnection[] = [];
  const all: HttpConnection[] = [];
  const sent: Promise<void>[] = [];
  const one = async () => {
    const connection = free.pop() ?? openConnection(target.port);
    if (!all.includes(connection)) all.push(connection);
    await enqueueOne(connection, target);
    free.push(connection);
  };
  for (let index = 0; index < count; index += 1) {
    sent.push(one());
    await wait(everyMs);
  }
  await Promise.all(sent);
  for (const connection of all) connection.close();
}

async function enqueueOne(connection: HttpConnection, target: JobTarget): Promise<void> {
  const status = await new Promise<number>((done) => connection.send(encodeRequest(target.request()), done));
  if (status !== ACCEPTED) throw new Error(`Cannot use a round: a job was answered with ${status}`);
}
