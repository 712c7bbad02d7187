#!/usr/bin/env node
/**
 * Starts the command on a Node that can run it. From sources everything needs Node 24 (type stripping); the published
 * bundle needs it only for what starts the server. Where this Node is too old the launcher runs itself again on a
 * newer one and stays as its shadow: signals in, exit code out.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { endWithNpm } from './end-with-npm.mjs';
import { explainMissingNode, findNode } from './find-node.mjs';

const SERVER_COMMANDS = new Set(['dev', 'serve', 'doctor', 'migrate', 'backup', 'restore']);
const OPTIONS_WITH_VALUE = new Set(['--url', '--project', '--key']);
const FORWARDED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const SERVER_NODE_MAJOR = 24;

const sourceEntry = new URL('../src/main.ts', import.meta.url);
const bundleEntry = new URL('../dist/cli.mjs', import.meta.url);
const fromSource = existsSync(sourceEntry);
const args = process.argv.slice(2);

const needsServerNode = fromSource || SERVER_COMMANDS.has(commandOf(args));
if (SERVER_COMMANDS.has(commandOf(args))) endWithNpm('npx');
const node = needsServerNode ? findNode(SERVER_NODE_MAJOR, import.meta.url) : process.execPath;

if (node === undefined) {
  console.error(explainMissingNode(SERVER_NODE_MAJOR));
  process.exitCode = 1;
} else if (node === process.execPath) {
  endWithLauncher();
  const { main } = await import(fromSource ? sourceEntry.href : bundleEntry.href);
  process.exitCode = await main(args);
} else {
  runOn(node);
}

/** The first word that is neither an option nor an option's value. */
function commandOf(words) {
  for (let at = 0; at < words.length; at += 1) {
    if (OPTIONS_WITH_VALUE.has(words[at])) at += 1;
    else if (!words[at].startsWith('-')) return words[at];
  }
  return '';
}

function runOn(newerNode) {
  // The fourth descriptor says nothing; it closes when this process ends in any way, SIGKILL included.
  const child = spawn(newerNode, [...process.execArgv, fileURLToPath(import.meta.url), ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  const forward = (signal) => child.kill(signal);
  for (const signal of FORWARDED_SIGNALS) process.on(signal, forward);
  child.on('error', (error) => {
    console.error(`Cannot start ${newerNode}: ${error.message}`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    for (const name of FORWARDED_SIGNALS) process.off(name, forward);
    if (signal === null) process.exitCode = code ?? 1;
    else endBy(signal);
  });
}

/** Ends as the child ended, so that a shell or a supervisor sees the signal; the exit code is for signals that cannot end us. */
function endBy(signal) {
  process.exitCode = 128 + (constants.signals[signal] ?? 0);
  process.kill(process.pid, signal);
}

/** In the child: a launcher that is gone means SIGTERM, which a server answers by draining. */
function endWithLauncher() {
  if (process.channel === undefined || process.channel === null) return;
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  // A listener keeps the channel, and so the process, alive; the command alone decides when it is done.
  process.channel.unref();
}
