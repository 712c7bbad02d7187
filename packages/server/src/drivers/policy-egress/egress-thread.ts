/** Entry of the egress thread: copying the bytes of functions must not take time from the gateway's event loop. */
import { workerData } from 'node:worker_threads';
import { serveEgress } from './serve-egress.ts';

serveEgress(workerData);
