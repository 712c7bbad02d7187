/**
 * Entry of a thread of the store, the writer or the reader. SQLite answers synchronously and a commit waits for the
 * disk; here neither delays the server's own loop.
 */
import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads';
import { openReader, openWriter, type Connection } from './connection.ts';
import { createRequestTurn, toWire } from './request-turn.ts';
import { OPENED, type Reply, type Request, type ThreadData, type WireFault } from './thread-messages.ts';

/** Requests of one turn: bounds how long the first one of a turn waits for its commit. */
const TURN_MAX = 256;

const { role, path } = workerData as ThreadData;
if (parentPort === null) throw new Error('Cannot run the thread of the store by itself: it is started by createSqliteStore().');
serve(parentPort);

function serve(port: MessagePort): void {
  const send = (replies: readonly Reply[]) => port.postMessage(replies);
  let connection: Connection;
  try {
    connection = role === 'writer' ? openWriter(path) : openReader(path);
  } catch (error) {
    send([[OPENED, false, openFault(error)]]);
    return;
  }
  const turn = createRequestTurn(connection, role);
  const queue: Request[] = [];
  let running = false;
  port.on('message', (first: Request) => {
    queue.push(first);
    if (!running) void runTurns();
  });

  /** A rejection here is a fault that only a restart heals; unhandled, it ends the thread, which the server sees. */
  async function runTurns(): Promise<void> {
    running = true;
    while (queue.length > 0) {
      fill(queue, port);
      const requests = queue.splice(0, TURN_MAX);
      const replies = await turn.run(requests);
      const closing = requests.some(([, name]) => name === 'close');
      if (closing) connection.close();
      send(replies);
      if (closing) return port.close();
    }
    running = false;
  }

  send([[OPENED, true, null]]);
}

/** Whatever keeps the file from being opened is the operator's to mend: rights, a full disk, a damaged file. */
function openFault(error: unknown): WireFault {
  const fault = toWire(error);
  if (fault.code === 'store_unavailable') return fault;
  return {
    code: 'store_unavailable',
    message: `Cannot open the store ${path}: ${error instanceof Error ? error.message : String(error)}.`,
  };
}

/** Takes what has arrived meanwhile without going back to the event loop, so that it joins this commit. */
function fill(queue: Request[], port: MessagePort): void {
  while (queue.length < TURN_MAX) {
    const received = receiveMessageOnPort(port);
    if (received === undefined) return;
    queue.push(received.message as Request);
  }
}
