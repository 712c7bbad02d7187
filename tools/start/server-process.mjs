/** Starts `martlet dev` as a process of its own, and tells when it serves and when it has ended. */
import { execFile, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MARTLET = fileURLToPath(new URL('../../packages/cli/bin/martlet.mjs', import.meta.url));
const HOST = '127.0.0.1';
/** The first start installs and builds the examples' dependencies from the npm registry. */
const READY_WITHIN_MS = 180_000;

/**
 * Resolves once the server serves: `ready` is the line that it printed, `stop()` asks it to end, `exited` settles
 * with its exit code, 0 where it was asked to stop. Rejects when it ends or says nothing before.
 */
export async function startServer({ port, data, dir }) {
  const freePort = await pickPort(port);
  if (freePort !== port && port !== 0) console.log(`Port ${port} is taken; using ${freePort}.`);
  const args = [MARTLET, '--json', 'dev', dir, '--port', String(freePort), ...(data === undefined ? [] : ['--data', data])];
  // The channel says nothing; it closes when this process ends in any way, and the server ends with it.
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });

  let stopping = false;
  const exited = new Promise((resolve) => {
    child.on('error', () => resolve(1));
    child.on('exit', (code) => resolve(stopping ? 0 : (code ?? 1)));
  });
  const stop = () => {
    stopping = true;
    child.kill('SIGTERM');
  };
  try {
    return { ready: await readyLine(child, exited), stop, exited };
  } catch (error) {
    stop();
    throw error;
  }
}

/** What `martlet doctor` finds, as it prints it for programs. It ends with 1 where something is broken, and prints all the same. */
export function examineMachine() {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [MARTLET, '--json', 'doctor'], { cwd: ROOT }, (error, stdout) => {
      const found = parse(stdout);
      if (found === undefined) reject(error ?? new Error('Cannot examine this machine: martlet doctor printed nothing.'));
      else resolve(found);
    });
  });
}

function readyLine(child, exited) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`Cannot start: the server was not ready within ${READY_WITHIN_MS / 1000} s.`)),
      READY_WITHIN_MS,
    );
    void exited.then((code) => reject(new Error(`Cannot start: the server ended with exit code ${code}; its messages stand above.`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const message = parse(line);
      if (message?.event !== 'ready') return;
      clearTimeout(timer);
      resolve(message);
    });
  });
}

function parse(line) {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** The wanted port where it is free, else one that the system chooses. */
async function pickPort(wanted) {
  return (await tryPort(wanted)) ?? (await tryPort(0)) ?? wanted;
}

function tryPort(port) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(undefined));
    probe.listen(port, HOST, () => {
      const chosen = probe.address().port;
      probe.close(() => resolve(chosen));
    });
  });
}
