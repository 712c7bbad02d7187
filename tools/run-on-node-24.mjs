/**
 * The repository's tools need Node 24, and are parsed by any Node from 18 on: on an older one they run themselves again
 * on the newer one that `npm ci` has put beside them.
 */
import { spawn } from 'node:child_process';
import { dirname, delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';
import { explainMissingNode, findNode } from '../packages/cli/bin/find-node.mjs';

const NODE_MAJOR = 24;
const FORWARDED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Calls `main` when this Node is new enough, else runs the script `url` on one that is, with the same arguments. */
export async function runOnNode24(url, main) {
  const node = findNode(NODE_MAJOR, url);
  if (node === undefined) {
    console.error(explainMissingNode(NODE_MAJOR));
    process.exitCode = 1;
    return;
  }
  if (node === process.execPath) {
    await main();
    return;
  }
  process.exitCode = await runScript(node, fileURLToPath(url));
}

function runScript(node, script) {
  return new Promise((resolve, reject) => {
    // What the tools start by the name `node` shall be the same one.
    const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}` };
    const child = spawn(node, [script, ...process.argv.slice(2)], { stdio: 'inherit', env });
    for (const signal of FORWARDED_SIGNALS) process.on(signal, () => child.kill(signal));
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
