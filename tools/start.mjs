/**
 * `npm start`: the platform on its embedded store with the functions of examples/, and a short tour of it: one call
 * through the front door, the record it left, the sandbox it ran in. Then it stays up until Ctrl-C.
 * `--once` ends after the tour; `--port n`, `--data dir` and `--dir dir` (another project than examples/) are handed on.
 */
import { parseArgs } from 'node:util';
import { endWithNpm } from '../packages/cli/bin/end-with-npm.mjs';
import { ensureBubblewrap } from './install/ensure-bubblewrap.mjs';
import { runOnNode24 } from './run-on-node-24.mjs';
import { startServer } from './start/server-process.mjs';
import { takeTour } from './start/tour.mjs';

const { values: options } = parseArgs({
  options: {
    once: { type: 'boolean', default: false },
    port: { type: 'string', default: '8787' },
    data: { type: 'string' },
    dir: { type: 'string', default: 'examples' },
  },
});

endWithNpm('start');
await runOnNode24(import.meta.url, async () => {
  ensureBubblewrap();
  console.log(`Starting the platform with the functions of ${options.dir}/. The first start installs their packages.`);
  const server = await startServer({ port: Number(options.port), data: options.data, dir: options.dir });
  const stop = () => server.stop();
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    await takeTour(server.ready);
    if (options.once) server.stop();
    else console.log('\nIt stays up: change a file of examples/functions and call it again. Ctrl-C stops it.');
    process.exitCode = await server.exited;
  } catch (error) {
    console.error(`\n${error.message}`);
    server.stop();
    await server.exited;
    process.exitCode = 1;
  }
});
